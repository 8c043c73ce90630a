// A file may be dropped anywhere on a part with data-drop: it is as if it had been chosen in the part's file field.

const zoneOf = (event) => event.target.closest?.("[data-drop]");
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
const mark = (zone, on) => zone?.classList.toggle("is-over", on);

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  // A file that misses the part must not replace the page, and what was typed in it.
  event.preventDefault();
  event.dataTransfer.dropEffect = zoneOf(event) ? "copy" : "none";
  mark(zoneOf(event), true);
});

document.addEventListener("dragleave", (event) => {
  const zone = zoneOf(event);
  if (zone && !zone.contains(event.relatedTarget)) mark(zone, false);
});

document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  const zone = zoneOf(event);
  const field = zone?.querySelector('input[type="file"]');
  mark(zone, false);
  if (!field) return;
  const taken = new DataTransfer();
  for (const file of [...event.dataTransfer.files].slice(0, field.multiple ? undefined : 1)) taken.items.add(file);
  if (!taken.files.length) return;
  field.files = taken.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
  field.focus();
});

// Only where a file can be dropped do the words say so.
for (const words of document.querySelectorAll("[data-drop] [data-words]")) words.hidden = false;
