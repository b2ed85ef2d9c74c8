// The page as an app: registers the service worker, and offers to install where the browser does.

/** @typedef {Event & {prompt: () => Promise<void>}} InstallPrompt */

/** Registers the worker; without https (but for this machine) there is none, and nothing is missing. */
export async function register() {
  if (!('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register('/sw.js');
  } catch (error) {
    console.info(`No service worker here: ${error instanceof Error ? error.message : error}`);
  }
}

/** Shows the buttons that install the app, once the browser says that it can be. */
export function offerInstall() {
  const buttons = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('[data-do="install"]')]);
  /** @type {InstallPrompt | null} */
  let prompt = null;
  const show = (/** @type {boolean} */ can) => buttons.forEach((button) => (button.hidden = !can));
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    prompt = /** @type {InstallPrompt} */ (event);
    show(true);
  });
  addEventListener('appinstalled', () => show(false));
  for (const button of buttons) button.addEventListener('click', () => void prompt?.prompt());
}
