(() => {
  // Of the buttons of a radio group the Tab key reaches one.
  const isReached = (e) => e.type !== "radio" || e.checked ||
    ![...document.getElementsByName(e.name)].some((o) => o.form === e.form && (o.checked || o.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING));
  globalThis.controls = [...document.querySelectorAll("a[href], area[href], button, input, select, textarea, summary, iframe, [tabindex], [contenteditable]")]
    .filter((e) => !e.disabled && e.type !== "hidden" && e.getAttribute("tabindex") !== "-1" && !e.closest("[inert]") &&
      e.checkVisibility({ visibilityProperty: true }) && isReached(e));
  return globalThis.controls.map((e) => `${e.localName} "${(e.id || e.innerText || e.name || e.className).trim()}"`);
})()
