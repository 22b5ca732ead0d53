// Browsers keep whole pages to go back to, some of them also those that they are told not to store. What they show then may be of a session
// that has ended: so it is not shown before it was asked for anew.
"use strict";

window.addEventListener("pagehide", (event) => {
  document.documentElement.hidden = event.persisted;
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    location.replace(location.pathname + location.search); // which sends no form once more, as reloading would
  }
});
