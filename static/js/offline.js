// The page that stands in when there is no network: it tries again by itself, and leads back to where the person was.

const again = () => location.reload();
addEventListener('online', again);
document.getElementById('again')?.addEventListener('click', again);
setInterval(() => navigator.onLine && again(), 15_000);
