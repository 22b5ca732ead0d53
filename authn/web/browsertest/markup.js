(() => {
  const name = (e) => `${e.localName} "${e.id || e.getAttribute("name") || e.innerText}"`;
  const described = (e) => (e.getAttribute("aria-describedby") ?? "").split(" ").some((id) => document.getElementById(id)?.innerText.trim());
  const all = [...document.querySelectorAll("*")];
  return [
    ...(document.querySelectorAll("h1").length === 1 ? [] : [`there are ${document.querySelectorAll("h1").length} main headings`]),
    ...all.filter((e) => e.getAttribute("aria-invalid") === "true" && !described(e)).map((e) => name(e) + ": is wrong, and nothing beside it says why"),
    ...all.filter((e) => e.type === "password" && !/^(current|new)-password$/.test(e.autocomplete)).map((e) => name(e) + ": password managers do not know what it is for"),
    ...all.filter((e) => e.localName === "form" && e.method === "post" && !e.querySelector("button, input[type=submit]")).map((e) => name(e) + ": has no button"),
    ...all.filter((e) => e.localName === "time" && !e.dateTime).map((e) => name(e) + ": programs cannot read the time"),
  ];
})()
