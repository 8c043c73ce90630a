// Swagger UI puts a link into the button that opens an operation: a control within a control, and a small one. Without
// its address it is the button's text.

const text = () => {
  for (const link of document.querySelectorAll("button.opblock-summary-control a[href]")) link.removeAttribute("href");
};
new MutationObserver(text).observe(document.getElementById("swagger-ui"), { childList: true, subtree: true });
text();
