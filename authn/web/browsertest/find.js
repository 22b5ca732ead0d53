(what, name, value, row) => {
  const shown = (e) => e.checkVisibility({ visibilityProperty: true });
  const words = (e) => (e.getAttribute("aria-label") ?? e.innerText ?? "").replace(/\s+/g, " ").trim() || e.value || "";
  const all = what === "field"
    ? [...document.querySelectorAll(`[name="${CSS.escape(name)}"]:not([type=hidden])`)]
    : [...document.querySelectorAll("button, a[href], summary, input[type=submit]")].filter((e) => words(e) === name);
  const rows = [...document.querySelectorAll("tr, li, section")].filter((e) => e.innerText.includes(row));
  const innermost = rows.filter((r) => !rows.some((o) => o !== r && r.contains(o)));
  const visible = all.filter((e) => shown(e) && (row === "" || innermost.some((r) => r.contains(e))));
  const main = visible.filter((e) => e.closest("main")); // what is in every page's frame comes second
  const found = main.length > 0 ? main : visible;
  const radio = found.find((e) => e.type === "radio" && e.value === value);
  if (found.length !== 1 && !radio) {
    return `problem: there are ${found.length}`;
  }
  const e = globalThis.found = radio ?? found[0];
  if (what === "button") {
    const unfit = e.type === "submit" && !e.form?.noValidate ? [...e.form?.elements ?? []].filter((f) => f.matches(":invalid")) : [];
    return unfit.length === 0 ? "button" : `problem: the browser does not send the form: ${unfit.map((f) => f.name + ": " + f.validationMessage).join(", ")}`;
  }
  e.focus();
  switch (e.type) {
    case "radio":
      e.click();
      return "chosen";
    case "checkbox":
      if (e.checked !== (value !== "")) {
        e.click();
      }
      return "ticked";
    case "select-one":
      e.value = value;
      e.dispatchEvent(new Event("change", { bubbles: true }));
      return e.value === value ? "chosen" : "problem: there is no such choice";
    case "text": case "password": case "email": case "search": case "url": case "textarea":
      e.select();
      if (value === "") {
        e.value = "";
        return "emptied";
      }
      return "typing";
  }
  e.value = value; // dates and times are typed in parts, which depend on the language
  return e.value === value ? "set" : "problem: it does not take the value";
}
