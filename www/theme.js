// Sets the chosen theme before the first paint. A classic script, since modules run after it.
try {
  const theme = JSON.parse(localStorage.getItem("nearfield-demo.theme") ?? "null");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be forbidden; the system's theme then holds.
}
