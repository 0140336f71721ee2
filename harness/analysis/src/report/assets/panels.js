// What is told in words: the selected event, matches, the list of events, call trees, the events behind claims.
const PAGE = 100;
const list = { all: [], length: PAGE };
const find = document.getElementById('find');
const onlyShown = document.getElementById('only-shown');

// Selects an event. `move` brings it into the picture.
function select(at, move = true) {
  chart.selected = at;
  const when = events[at][0];
  if (move && !tasks[events[at][1]].followed && !choice.others && others.includes(events[at][1])) {
    choice.others = true;
    arrange();
  }
  // Another task may do something in a time that is idle for these.
  if (scale.cut && isIdle(when)) leaveOut(false);
  const middle = placeOf(when);
  if (move && (middle < chart.from || middle > chart.to)) {
    const half = (chart.to - chart.from) / 2;
    show(middle - half, middle + half);
  } else {
    paint();
  }
  tell(at);
  for (const row of document.querySelectorAll('#rows tr')) row.setAttribute('aria-selected', String(row.dataset.event === String(at)));
}

function withSource(text) {
  const source = sourceOf(functionOf(text) ?? text);
  return source ? [text, ' ', element('span', { class: 'source' }, source)] : [text];
}

// The frames of a stack, with a heading where another context begins, if there is more than one.
function framesOf(stack, parts) {
  const { interrupt, process } = parts ?? { interrupt: 0, process: stack.length };
  const contextAt = (at) => (at < interrupt ? 'interrupt' : at < interrupt + process ? 'process' : 'user');
  const mixed = contextAt(0) !== contextAt(stack.length - 1);
  return stack.flatMap((frame, at) => {
    const context = contextAt(at);
    const begins = mixed && (at === 0 || contextAt(at - 1) !== context);
    return [...(begins ? [element('li', { class: 'context' }, say(`frames-${context}`))] : []),
      element('li', { class: mixed ? context : null }, ...withSource(words[frame]))];
  });
}

function tell(at) {
  const [when, task, cpu, text, stack] = events[at];
  const detail = document.getElementById('detail');
  const frames = stack < 0 ? null
    : element('ol', { 'aria-label': say('stack') }, ...framesOf(report.stacks[stack], report.parts[stack]));
  detail.replaceChildren(
    element('p', {}, element('strong', {}, `#${at} ${taskName(task)}: `), ...withSource(words[text])),
    element('p', {}, element('small', {}, `${exact(when)} · CPU ${cpu} · pid ${tasks[task].pid}`)),
    ...(frames ? [frames] : []));
  detail.hidden = false;
}

// The events in which each word of the query occurs, in the task's name or in the text.
function search(query) {
  const terms = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!terms.length) return null;
  const has = (texts) => terms.map((term) => texts.map((text) => text.toLowerCase().includes(term)));
  const [inWords, inNames] = [has(words), has(tasks.map((task) => task.name))];
  const found = [];
  events.forEach(([, task, , text], at) => {
    if (terms.every((term, n) => inWords[n][text] || inNames[n][task])) found.push(at);
  });
  return found;
}

function renew() {
  const found = search(find.value);
  const matches = found ?? events.map((event, at) => at);
  list.all = onlyShown.checked && !found ? matches.filter((at) => isShown[at]) : matches;
  chart.hits = found ?? [];
  onlyShown.disabled = Boolean(found);
  const count = (n) => countOf('one-event', 'events', n);
  document.getElementById('found').textContent = found ? count(found.length) : '';
  document.getElementById('listed').textContent = say('of', { count: count(list.all.length), all: events.length });
  list.length = PAGE;
  rows();
  paint();
}

function rows() {
  document.getElementById('rows').replaceChildren(...list.all.slice(0, list.length).map((at) => {
    const [when, task, cpu, text] = events[at];
    const go = () => { select(at); };
    return element('tr', { 'data-event': String(at), 'aria-selected': String(at === chart.selected) },
      element('td', {}, element('button', { type: 'button', onclick: go, 'aria-label': say('select-event', { number: at }) }, String(at))),
      element('td', { class: 'time' }, exact(when)), element('td', {}, String(cpu)),
      element('td', {}, taskName(task)), element('td', {}, ...withSource(words[text])));
  }));
  document.getElementById('more').hidden = list.length >= list.all.length;
}

function step(by) {
  const hits = chart.hits;
  if (!hits.length) return;
  const at = place(hits, chart.selected, (event) => event);
  const next = by > 0 ? (hits[at] === chart.selected ? at + 1 : at) : at - 1;
  const chosen = (next + hits.length) % hits.length;
  select(hits[chosen]);
  document.getElementById('found').textContent = say('of', { count: chosen + 1, all: hits.length });
}

let pause = 0;
find.addEventListener('input', () => { clearTimeout(pause); pause = setTimeout(renew, 80); });
find.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') { if (pause) { clearTimeout(pause); renew(); } step(event.shiftKey ? -1 : 1); event.preventDefault(); }
});
document.getElementById('next').addEventListener('click', () => step(1));
document.getElementById('previous').addEventListener('click', () => step(-1));
onlyShown.addEventListener('change', renew);
document.getElementById('more').addEventListener('click', () => { list.length += PAGE * 5; rows(); });

// Calls are put into the page when they are opened: a recording has more of them than a page should.
function callTree(calls) {
  const same = (a, b) => a[0] === b[0] && !a[4].length && !b[4].length && (a[3] < 0) === (b[3] < 0);
  const nodes = [];
  for (let at = 0; at < calls.length;) {
    let next = at + 1;
    while (next < calls.length && same(calls[at], calls[next])) next++;
    nodes.push(callNode(calls[at], next - at));
    at = next;
  }
  return nodes;
}

function callNode([name, event, entered, left, inner], count) {
  const source = sourceOf(words[name]);
  const told = [`${words[name]}()${count > 1 ? ` ×${count}` : ''}`,
    left < 0 ? element('small', { class: 'noreturn' }, say('no-return'))
      : element('small', {}, count > 1 ? say('each') : time(left - entered)),
    source ? element('small', {}, source) : null];
  if (count > 1) told[1] = null;
  if (!inner.length) return element('div', { class: 'leaf' }, ...told.filter(Boolean));
  const details = element('details', {}, element('summary', {}, ...told.filter(Boolean)));
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) details.append(...callTree(inner));
  });
  return details;
}

function trees() {
  document.getElementById('calls').hidden = !report.calls.length;
  document.getElementById('trees').replaceChildren(...report.calls.map(([task, calls]) => {
    const root = element('details', { open: true }, element('summary', {}, element('strong', {}, taskName(task)),
      element('small', {}, countOf('one-root', 'roots', calls.length))), ...callTree(calls.slice(0, 500)));
    return element('div', { class: 'tree' }, root);
  }));
}

function witnesses() {
  for (const place of document.querySelectorAll('[data-claim]')) {
    const deciding = report.expectations[Number(place.dataset.claim)].events;
    place.append(...deciding.slice(0, 24).map((at) => element('button', {
      type: 'button', onclick: () => { select(at); document.getElementById('timeline').scrollIntoView(); },
    }, `${taskName(events[at][1])}: ${eventText(at)}`)));
    if (deciding.length > 24) place.append(element('small', {}, say('and-more', { count: deciding.length - 24 })));
  }
}

function legend() {
  const used = new Set(report.spans.map((span) => span[1]));
  const shape = { running: '.8rem', runnable: '.6rem', zombie: '.6rem', sleeping: '2px', blocked: '4px' };
  const states = [...used].sort((a, b) => a - b).map((state) => report.states[state]).filter((state) => chart.colours[state]);
  const item = (height, colour, text) => element('li', {}, element('i', { style: `height:${height};background:${colour}` }), text);
  document.getElementById('legend').replaceChildren(
    ...states.map((state) => item(shape[state] ?? '3px', `var(--${state})`, say(`state-${state}`))),
    item('2px', 'var(--fork)', say('fork')), item('2px', 'var(--wake)', say('wake-up')),
    ...(report.idle.length ? [element('li', {}, '╱ ', say('idle'))] : []));
}
