// What every page needs beyond htmx. Pages work without any of it.

const typing = (element) => element?.closest("input, textarea, select, [contenteditable]");

// A control with data-key is pressed by that key alone: with Ctrl, Cmd or Alt the key is the browser's, and while a
// question is open it is nobody's.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
  if (document.querySelector("[popover]:popover-open")) return;
  const control = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not([disabled])`);
  if (!control) return;
  event.preventDefault();
  control.click();
});

// A part that refreshes itself must not be swapped from under a finger: the next refresh comes in a second.
let pressed = null;
document.addEventListener("pointerdown", (event) => (pressed = event.target));
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => setTimeout(() => (pressed = null)));
}
document.addEventListener("htmx:beforeSwap", (event) => {
  const target = event.detail.target;
  if (!target.matches?.("[data-steady]")) return;
  const busy = pressed && target.contains(pressed);
  const selecting = !getSelection().isCollapsed && target.contains(getSelection().anchorNode);
  if (busy || selecting) event.detail.shouldSwap = false;
});

// Times are written by the server's clock; here by the reader's.
const day = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
const write = {
  clock: (moment) => moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }),
  when(moment) {
    const now = new Date();
    const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
    const at = write.clock(moment);
    if (day(moment) === day(now)) return `today ${at}`;
    if (day(moment) === day(yesterday)) return `yesterday ${at}`;
    const year = moment.getFullYear() === now.getFullYear() ? "" : ` ${moment.getFullYear()}`;
    return `${moment.getDate()} ${moment.toLocaleString("en-GB", { month: "short" })}${year} ${at}`;
  },
};

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = moment.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "long" });
    const form = write[time.dataset.form];
    if (form) time.textContent = form(moment);
  }
}
localise(document);
document.addEventListener("htmx:load", (event) => localise(event.detail.elt));

// data-copy names what a button copies; the button says when it has.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  const source = button && document.querySelector(button.dataset.copy);
  if (!source || !navigator.clipboard) return;
  await navigator.clipboard.writeText(source.textContent.trim());
  const words = button.dataset.words ?? (button.dataset.words = button.textContent);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = words), 2000);
});
