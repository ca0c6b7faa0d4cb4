// Datasette 0.65 has this inside of its pages, where our content security policy lets no script run:
// the SQL editor with line numbers, Shift-Enter to run, and a button that formats the query.
window.addEventListener("load", () => {
  const input = document.querySelector("textarea#sql-editor");
  const format = document.querySelector("button#sql-format");
  if (!input) return;
  const editor = CodeMirror.fromTextArea(input, { lineNumbers: true, mode: "text/x-sql", lineWrapping: true });
  editor.setOption("extraKeys", { "Shift-Enter": () => document.querySelector("form.sql").submit(), Tab: false });
  cmResize(editor, { resizableWidth: false });
  if (!format) return;
  format.hidden = false;
  format.addEventListener("click", () => editor.setValue(sqlFormatter.format(editor.getValue())));
});
