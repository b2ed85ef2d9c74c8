// The door of the administration: who is signed in here as an operator walks through, others sign in by link first.

import { ApiError } from '../answer.js';
import { post } from '../api.js';
import { part, setText } from '../dom.js';
import { samePath } from '../path.js';
import { t } from '../text.js';
import { signedIn } from '../token.js';

const next = samePath(new URLSearchParams(location.search).get('next') ?? '/admin/');
const wanted = next.startsWith('/admin/login') || next === '/' ? '/admin/' : next;

async function enter() {
  try {
    await post('/api/admin-session/');
    location.replace(wanted);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return;
    const forbidden = error.status === 403 || error.status === 404;
    setText(part('door-title', HTMLElement), forbidden ? t('Only for operators') : t('The administration is closed'));
    setText(part('door-words', HTMLElement), forbidden ? t('You are signed in, but you do not look after this installation. Ask somebody who does.') : error.message);
    part('door-way', HTMLElement).hidden = false;
  }
}

if (signedIn()) void enter();
else location.replace(`/sign-in/?next=${encodeURIComponent(`/admin/login/?next=${encodeURIComponent(wanted)}`)}`);
