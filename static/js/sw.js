// The service worker, served at /sw.js so that its scope is the whole site. One file per job; each registers its own events.

// @ts-expect-error importScripts is a worker's; the pages' types do not know it
importScripts('/static/js/sw/offline.js', '/static/js/sw/push.js');
