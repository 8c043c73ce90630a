// The voting desk's keys, and what makes a vote answer at once. Without it the page is plain forms.
//
// One listener for the whole page: htmx puts new battles in place, and what is found is looked up at each press.

const bar = () => document.getElementById("verdict");
const perch = () => document.getElementById("perch");

// A press that follows an accepted one this closely was meant for the battle that has just gone. Until then <body> has
// data-pressed.
const DOUBLE_PRESS = 300;
let release;

function hold() {
  document.body.dataset.pressed = "";
  clearTimeout(release);
  release = setTimeout(() => delete document.body.dataset.pressed, DOUBLE_PRESS);
}

const typing = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
// A code block that has the focus scrolls by the arrows.
const scrolling = (event) => event.key.startsWith("Arrow") && event.target.closest?.("pre[tabindex]");

function buttonOf(key) {
  const name = key.length === 1 ? key.toLowerCase() : key;
  return [...bar().querySelectorAll("[data-keys]")].find((button) => button.dataset.keys.split(" ").includes(name));
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("#guide:popover-open")?.hidePopover();
  if (!bar()?.hasAttribute("data-voting-keys")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (typing(event.target) || scrolling(event) || document.querySelector("[popover].ask:popover-open")) return;
  if (event.key === "?") {
    event.preventDefault();
    if (!event.repeat) document.getElementById("guide").togglePopover();
    return;
  }
  const button = event.shiftKey ? undefined : buttonOf(event.key);
  if (!button) return;
  event.preventDefault();
  if (!event.repeat) button.click();
});

// Keys and pointer alike: one act a battle, and no act by the second half of a double press. The bar itself remembers
// that it was sent; the next battle brings a new bar.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest?.("#verdict button");
    if (!button) return;
    if ("sent" in bar().dataset || "pressed" in document.body.dataset) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    hold();
  },
  true,
);

function choose(button) {
  button.classList.add("is-chosen");
  document.querySelector(`.side[data-side="${button.value}"]`)?.classList.add("is-chosen");
}

function unchoose() {
  for (const part of document.querySelectorAll(".verdict .is-chosen, .side.is-chosen")) part.classList.remove("is-chosen");
}

const ours = (event) => event.detail.elt.closest?.("#verdict, #perch, .ask");
let last;

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!ours(event)) return;
  bar().dataset.sent = "";
  const submitter = event.detail.requestConfig.triggeringEvent?.submitter;
  last = submitter ?? event.detail.elt;
  if (submitter?.name === "choice" && submitter.value !== "skip") choose(submitter);
});

for (const failure of ["htmx:sendError", "htmx:sendAbort", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    if (!ours(event)) return;
    delete bar().dataset.sent;
    unchoose();
    const notice = document.getElementById("not-saved").content.cloneNode(true);
    notice.querySelector("[data-again]").addEventListener("click", () => {
      perch().replaceChildren();
      delete document.body.dataset.pressed;
      last?.click?.();
    });
    perch().replaceChildren(notice);
  });
}

// The new battle is read from its top: the focus lay on a button that is no more.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "main" && (document.activeElement ?? document.body) === document.body) {
    document.getElementById("main").focus({ preventScroll: true });
  }
});
