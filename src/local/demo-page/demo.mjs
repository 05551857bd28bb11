// The page of /demo, as it is: no build step. All that it knows of the API is what a browser may know: its own backend.

const JOBS = ['employer-classification', 'recurrence-detection'];
const amount = (value) => (typeof value === 'number' ? value.toFixed(2) : value);
const NUMBERS = ['average', 'payments'];
const COLUMNS = {
  'employer-classification': [
    ['employer', (row) => row.company?.name],
    ['confidence', (row) => row.confidence],
    ['pay cycle', (row) => row.payCycle],
    ['average', (row) => amount(row.averageAmount)],
    ['payments', (row) => row.transactionCount],
  ],
  'recurrence-detection': [
    ['recurring', (row) => row.description],
    ['direction', (row) => row.direction],
    ['frequency', (row) => row.frequency],
    ['average', (row) => amount(row.averageAmount)],
    ['next', (row) => row.nextExpectedDate?.slice(0, 10)],
  ],
};
const ENDING = ['unlinking', 'unlinked', 'failed'];
const LOOK_EVERY_MS = 400;

const $ = (id) => document.getElementById(id);
const setup = await call('GET', 'demo/setup');
const simulated = setup.plaid === 'simulated';

let userId = decodeURIComponent(location.hash.slice(1)) || `demo-${Math.random().toString(36).slice(2, 8)}`;
let shown = fresh();

function fresh() {
  return { startedAt: undefined, after: 0, state: undefined, results: new Map(), link: undefined };
}

/** A request to the page's backend. Throws what a problem says. */
async function call(method, url, body) {
  const response = await fetch(url, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  throw Object.assign(new Error(answer.detail), { code: answer.code });
}

const api = (method, path, body) => call(method, `demo/api/v1${path}`, body);
const ofUser = () => `/links/${encodeURIComponent(userId)}`;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Runs what a button does, and shows why it could not be done. */
async function attempt(action) {
  $('message').textContent = '';
  $('done').textContent = '';
  try {
    await action();
  } catch (error) {
    $('message').textContent = error.code ? `${error.message} (${error.code})` : error.message;
  }
  await look();
}

// ---- Link, real or simulated. Resolves with what `onSuccess` gets, or undefined when the user closes it. ----

async function openLink(mode) {
  const { linkToken } = await api('POST', '/link-tokens', { userId, ...(mode && { mode }) });
  return simulated ? openSimulatedLink(mode) : openPlaidLink(linkToken);
}

async function openPlaidLink(token) {
  if (!window.Plaid) {
    const script = element('script');
    script.src = setup.plaidScript;
    await new Promise((resolve, reject) => {
      script.onload = resolve;
      script.onerror = () => reject(new Error("Plaid's script could not be loaded."));
      document.head.append(script);
    });
  }
  return new Promise((resolve) => {
    window.Plaid.create({
      token,
      onSuccess: (publicToken, metadata) => resolve({ publicToken, metadata }),
      onExit: () => resolve(undefined),
    }).open();
  });
}

/** The same questions as Link asks: the bank, then the account; in update mode only the sign-in. */
function openSimulatedLink(mode) {
  const dialog = $('simulated-link');
  const step = (name) => {
    for (const one of ['bank-step', 'account-step', 'sign-in-step']) $(one).hidden = one !== name;
    $(name).querySelector('input')?.focus();
  };
  let success;
  let next = async () => {
    const bank = dialog.querySelector('input[name=bank]:checked').value;
    success = await call('POST', 'demo/simulated-link', { userId, bank, mishap: $('mishap').value });
    choose('accounts', 'account', [
      ...success.metadata.accounts.map(({ id, name, mask }) => [id, `${name} ••${mask}`]),
      ['', 'none: let processor-link decide'],
    ]);
    next = async () => {
      const chosen = dialog.querySelector('input[name=account]:checked').value;
      success.metadata.accounts = success.metadata.accounts.filter(({ id }) => id === chosen);
      dialog.close('done');
    };
    step('account-step');
  };
  if (mode === 'update') {
    next = async () => {
      await call('POST', 'demo/simulate', { event: 'sign-in', userId });
      success = { metadata: { accounts: [] } };
      dialog.close('done');
    };
  }
  choose(
    'banks',
    'bank',
    setup.banks.map((bank) => [bank, bank]),
  );
  $('dialog-next').textContent = mode === 'update' ? 'Sign in' : 'Continue';
  dialog.returnValue = '';
  dialog.showModal();
  step(mode === 'update' ? 'sign-in-step' : 'bank-step');
  const submit = (event) => {
    event.preventDefault();
    next().catch((error) => {
      $('message').textContent = error.message;
      dialog.close();
    });
  };
  const leave = () => dialog.close();
  return new Promise((resolve) => {
    const form = dialog.querySelector('form');
    form.addEventListener('submit', submit);
    $('dialog-close').addEventListener('click', leave);
    const onClose = () => {
      form.removeEventListener('submit', submit);
      $('dialog-close').removeEventListener('click', leave);
      resolve(dialog.returnValue === 'done' ? success : undefined);
    };
    dialog.addEventListener('close', onClose, { once: true });
  });
}

/** Fills a group of radio buttons, the first one chosen. */
function choose(groupId, name, options) {
  const group = $(groupId);
  for (const label of [...group.querySelectorAll('label')]) label.remove();
  for (const [index, [value, text]] of options.entries()) {
    const label = element('label');
    const input = Object.assign(element('input'), { type: 'radio', name, value, checked: index === 0 });
    label.append(input, ` ${text}`);
    group.append(label);
  }
}

// ---- What the buttons do ----

$('user').value = userId;
$('user').addEventListener('change', () => follow($('user').value));
$('link-form').addEventListener('submit', (event) => {
  event.preventDefault();
  follow($('user').value);
  void attempt(async () => {
    const jobs = [...document.querySelectorAll('input[name=job]:checked')].map(({ value }) => value);
    const success = await openLink();
    if (!success) throw new Error('Link was closed before it was done.');
    const accountId = success.metadata.accounts[0]?.id;
    await api('POST', '/links', {
      userId,
      publicToken: success.publicToken,
      ...(accountId && { accountId }),
      jobs,
    });
  });
});
$('repair').addEventListener('click', () =>
  attempt(async () => {
    const success = await openLink('update');
    if (!success) throw new Error('Link was closed before it was done.');
    await api('POST', `${ofUser()}/repaired`);
  }),
);
$('again').addEventListener('click', () =>
  attempt(async () => {
    for (const job of JOBS) await api('POST', `${ofUser()}/jobs`, { job });
  }),
);
$('unlink').addEventListener('click', () => attempt(() => api('DELETE', `${ofUser()}?waitSeconds=30`)));
$('erase').addEventListener('click', () =>
  attempt(async () => {
    const erasing = userId;
    $('erase').disabled = true;
    try {
      // It takes as long as Atomic and Plaid take to let go of the user.
      for (let erased = false; !erased; ) {
        ({ erased } = await api('DELETE', `/users/${encodeURIComponent(erasing)}?waitSeconds=30`));
      }
    } finally {
      $('erase').disabled = false;
    }
    $('done').textContent =
      `${erasing} is erased: Temporal holds no link, no result and no token of this user.`;
  }),
);
for (const button of document.querySelectorAll('[data-event]')) {
  button.addEventListener('click', () =>
    attempt(() => call('POST', 'demo/simulate', { event: button.dataset.event, userId })),
  );
}

function follow(name) {
  if (name === userId && location.hash) return;
  userId = name;
  shown = fresh();
  history.replaceState(null, '', `#${encodeURIComponent(userId)}`);
  $('timeline').tBodies[0].replaceChildren();
  $('timeline').hidden = true;
  $('nothing-yet').hidden = false;
}

// ---- What is shown ----

async function look() {
  const looked = shown;
  const path = ofUser();
  const link = await api('GET', path).catch((error) => {
    if (error.code === 'link_not_found') return undefined;
    throw error;
  });
  const readAtMs = Date.now();
  if (looked !== shown) return;
  await showHappenings(looked);
  if (looked !== shown) return;
  showLink(link, readAtMs);
  if (link) await showResults(link, looked);
}

/** `readAtMs` is when the API answered with it. */
function showLink(link, readAtMs) {
  if (!link || ENDING.includes(link.state)) shown.results.clear();
  $('link').hidden = link === undefined;
  $('results').hidden = shown.results.size === 0;
  addStateLine(link, readAtMs);
  if (!link) return;
  $('state').textContent = link.state;
  $('state').className = `badge ${moodOf(link.state)}`;

  const { error, warning } = link;
  const words = [
    ...(error ? [`${error.message} (${error.code})`] : []),
    ...(warning ? [`The bank's consent ends soon: ${warning.code}.`] : []),
  ];
  $('needs').hidden = words.length === 0;
  $('needs').textContent = words.join(' ');
  const open = !ENDING.includes(link.state);
  $('repair').hidden = !(open && (error?.action === 'repair' || warning));
  $('again').disabled = !open;
  $('unlink').disabled = !open;
  $('simulate').hidden = !simulated;
  showChoices(open && error?.action === 'choose_account' ? (link.choices ?? []) : []);

  const facts = [
    ['User', link.userId],
    ...JOBS.filter((job) => link.jobs[job]).map((job) => [job, jobText(link.jobs[job])]),
    ['Item', link.itemId],
    ['Account', link.accountId],
    ['Run', link.runId],
  ];
  $('facts').replaceChildren(
    ...facts
      .filter(([, value]) => value !== undefined)
      .flatMap(([name, value]) => [element('dt', name), factOf(name, value)]),
  );
}

function factOf(name, value) {
  const made = element('dd');
  if (name !== 'Run' || !setup.workflowsUrl) return Object.assign(made, { textContent: value });
  const anchor = Object.assign(element('a', value), {
    href: `${setup.workflowsUrl}/${encodeURIComponent(`processor-link/${userId}`)}/${value}/history`,
    target: '_blank',
    rel: 'noreferrer',
  });
  made.append(anchor);
  return made;
}

function jobText({ state, via, error }) {
  return [state, via && `by ${via}`, error && `${error.message} (${error.code})`].filter(Boolean).join(', ');
}

function showChoices(choices) {
  const text = JSON.stringify(choices);
  if ($('choices').dataset.shown === text) return;
  $('choices').dataset.shown = text;
  $('choices').hidden = choices.length === 0;
  const actions = element('div', undefined, 'actions');
  for (const { accountId, name, mask } of choices) {
    const button = element('button', mask ? `${name} ••${mask}` : name, 'primary');
    button.type = 'button';
    button.addEventListener('click', () => attempt(() => api('POST', `${ofUser()}/account`, { accountId })));
    actions.append(button);
  }
  $('choices').replaceChildren(element('p', 'Which account is it?'), actions);
}

async function showResults(link, looked) {
  for (const job of JOBS) {
    const view = link.jobs[job];
    const key = `${link.runId} ${view?.state} ${view?.completedAt}`;
    if (view?.state !== 'completed' || ENDING.includes(link.state)) continue;
    if (shown.results.get(job)?.key === key) continue;
    const { result } = await api('GET', `${ofUser()}/jobs/${job}`);
    if (looked !== shown) return;
    shown.results.set(job, { key, result });
    const sections = JOBS.filter((one) => shown.results.has(one)).map((one) => {
      const section = element('div');
      section.append(element('h3', one), tableOf(one, shown.results.get(one).result));
      return section;
    });
    $('tables').replaceChildren(...sections);
    $('results').hidden = false;
  }
}

function tableOf(job, result) {
  if (!Array.isArray(result)) return element('pre', JSON.stringify(result, null, 2));
  if (result.length === 0) return element('p', 'Nothing found.');
  const scroll = element('div', undefined, 'scroll');
  const table = element('table');
  const head = table.createTHead().insertRow();
  for (const [title] of COLUMNS[job]) {
    head.append(element('th', title, NUMBERS.includes(title) ? 'number' : ''));
  }
  const body = table.createTBody();
  for (const row of result) {
    const line = body.insertRow();
    for (const [title, read] of COLUMNS[job]) {
      const cell = element('td', String(read(row) ?? ''), NUMBERS.includes(title) ? 'number' : '');
      cell.dataset.title = title;
      line.append(cell);
    }
  }
  scroll.append(table);
  return scroll;
}

async function showHappenings(looked) {
  const query = new URLSearchParams({ userId, after: String(shown.after) });
  const { happenings } = await call('GET', `demo/happenings?${query}`);
  if (looked !== shown) return;
  for (const one of happenings) {
    shown.after = one.seq;
    addLine(one);
  }
}

/** The link is read now and then, so another state stands behind the calls that had ended by then. */
function addStateLine(link, readAtMs) {
  const text = stateText(link);
  if (text === shown.state) return;
  shown.state = text;
  const at = new Date(link ? reachedAtMs(link, readAtMs) : readAtMs).toISOString();
  addLine({ at, who: 'link', what: text ?? 'erased', note: '', mood: moodOf(link?.state) || 'good' });
}

function reachedAtMs({ state, updatedAt }, readAtMs) {
  const updatedAtMs = Date.parse(updatedAt);
  if (state === 'exchanging') return updatedAtMs;
  const endedAtMs = [...$('timeline').tBodies[0].rows]
    .map((row) => Number(row.dataset.at))
    .filter((atMs) => atMs <= readAtMs);
  return Math.max(updatedAtMs, ...endedAtMs);
}

function stateText(link) {
  if (!link) return undefined;
  const jobs = JOBS.filter((job) => link.jobs[job]).map((job) => link.jobs[job].state);
  return `${link.state} (${jobs.join(', ')})`;
}

function moodOf(state) {
  if (state === 'linked') return 'good';
  return state === 'failed' || state === 'needs_attention' ? 'bad' : '';
}

function addLine({ at, who, what, note, tookMs, failed, mood = '' }) {
  const atMs = Date.parse(at);
  shown.startedAt ??= atMs;
  const seconds = `${Math.max(0, (atMs - shown.startedAt) / 1000).toFixed(2)} s`;
  const lines = $('timeline').tBodies[0];
  // Calls are heard of a moment later.
  const later = [...lines.rows].findIndex((row) => Number(row.dataset.at) > atMs);
  const line = lines.insertRow(later);
  line.dataset.at = String(atMs);
  line.append(
    element('td', seconds, 'number'),
    element('td', who, 'who'),
    element('td', what, mood),
    element('td', tookMs === undefined ? '' : `${Math.round(tookMs)} ms`, 'number'),
    element('td', note, failed ? 'bad' : 'quiet'),
  );
  $('timeline').hidden = false;
  $('nothing-yet').hidden = true;
}

$('setup').textContent = `Plaid is ${setup.plaid}, Atomic is ${setup.atomic}.`;
$('sandbox-users').hidden = simulated;
for (;;) {
  await look().catch((error) => {
    $('message').textContent = error.message;
  });
  await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}
