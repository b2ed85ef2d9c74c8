// Runs before the first paint: the theme this person chose on this device, else the system's.
(() => {
  const root = document.documentElement;
  const chosen = localStorage.getItem('ucam.theme');
  if (chosen === 'dark' || chosen === 'light') root.dataset.theme = chosen;
  document.addEventListener('click', ({ target }) => {
    if (!(target instanceof Element) || !target.closest('[data-do="theme"]')) return;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    localStorage.setItem('ucam.theme', root.dataset.theme);
  });
})();
