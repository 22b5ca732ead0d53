(() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) {
    return [];
  }
  const out = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > width + 1);
  const told = out.filter((e) => !out.some((o) => o !== e && e.contains(o))).slice(0, 5);
  return told.concat(document.body).map((e) => `at ${innerWidth} px it is ${document.documentElement.scrollWidth} px wide: ${e.localName} "${(e.id || e.className || e.innerText).slice(0, 60)}"`);
})()
