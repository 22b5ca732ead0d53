(() => {
  const e = document.activeElement;
  const style = getComputedStyle(e);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 && !/, 0\)$|^transparent$/.test(style.outlineColor);
  const at = e.getClientRects()[0] ?? e.getBoundingClientRect();
  const top = document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2);
  return {
    Index: globalThis.controls.indexOf(e),
    Shown: e.matches(":focus-visible") && (outlined || style.boxShadow !== "none"),
    Covered: !top || !(e.contains(top) || top.contains(e) || [...(e.labels ?? [])].some((l) => l.contains(top))),
  };
})()
