// Where to go next: a path of this site, never another one. Pure.

/** The path when it is one of this site, else the wall. @param {string | null | undefined} path */
export function samePath(path) {
  if (!path || !path.startsWith('/')) return '/';
  try {
    const url = new URL(path, 'http://same.invalid');
    return url.origin === 'http://same.invalid' ? url.pathname + url.search + url.hash : '/';
  } catch (error) {
    if (error instanceof TypeError) return '/';
    throw error;
  }
}
