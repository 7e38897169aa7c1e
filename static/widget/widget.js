// <script src="https://HOST/static/widget/widget.js" data-inbox="KEY" async></script>
(() => {
  const script = document.currentScript;
  import("./element.js").then(({ mount }) => mount(script));
})();
