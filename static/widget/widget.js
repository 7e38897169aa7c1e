(() => {
  const script = document.currentScript;
  // Absolute: a script of another origin has no base of its own.
  import(new URL("element.js", script.src)).then(({ mount }) => mount(script));
})();
