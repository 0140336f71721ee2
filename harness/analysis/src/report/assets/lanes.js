// Which lanes there are, their heads, and what pointers and keys do.
const heads = document.getElementById('heads');
const choice = { open: new Set(), others: false };

const followed = tasks.map((task, number) => (task.followed ? number : -1)).filter((number) => number >= 0);
const others = tasks.map((task, number) => number).filter((number) => !tasks[number].followed);

// A followed task has a colour of its own, as long as there are any.
function taskColour(task) {
  const at = followed.indexOf(task);
  return at < 0 || at > 7 ? null : chart.colours[`t${at}`];
}

function depth(calls, level = 0) {
  if (!calls.length || level >= DEEPEST) return level;
  return calls.reduce((deepest, call) => Math.max(deepest, depth(call[4], level + 1)), level);
}
const depths = byTask.map(({ calls }) => depth(calls));

function taskLane(task) {
  const open = choice.open.has(task);
  return { task, open, rows: depths[task], height: LANE + (open ? depths[task] * CALL + TICKS : 0) };
}

function arrange() {
  const cpus = report.cpus.map((cpu) => ({ cpu, height: LANE }));
  chart.lanes = [...followed.map(taskLane), ...cpus, ...(choice.others ? others.map(taskLane) : [])];
  const focused = document.activeElement?.dataset?.lane;
  heads.replaceChildren(...chart.lanes.map(head), ...(others.length ? [othersHead()] : []));
  if (focused) heads.querySelector(`[data-lane="${focused}"]`)?.focus();
  paint();
}

function head(lane) {
  const style = `height:${lane.height}px`;
  if (lane.task === undefined) {
    return element('li', { style }, element('button', { type: 'button', disabled: true },
      element('span', { class: 'turn' }), element('span', { class: 'name' }, `CPU ${lane.cpu}`)));
  }
  const { name, pid } = tasks[lane.task];
  const toggle = () => {
    if (!choice.open.delete(lane.task)) choice.open.add(lane.task);
    arrange();
  };
  const swatch = element('span', { class: 'swatch', style: `background:${taskColour(lane.task) ?? chart.colours.other}` });
  const button = element('button', {
    type: 'button', 'aria-expanded': String(lane.open), 'data-lane': `task-${lane.task}`, onclick: toggle, title: name,
  }, element('span', { class: 'turn', 'aria-hidden': 'true' }, lane.open ? '▼' : '▶'), swatch,
  element('span', { class: 'name' }, name), element('small', {}, String(pid)));
  const inner = lane.open
    ? element('div', { class: 'inner' }, lane.rows ? say('inner') : countOf('one-event', 'events', byTask[lane.task].events.length)) : null;
  return element('li', { style }, button, inner);
}

function othersHead() {
  const toggle = () => { choice.others = !choice.others; arrange(); };
  return element('li', {}, element('button', {
    type: 'button', 'aria-expanded': String(choice.others), 'data-lane': 'others', onclick: toggle,
  }, element('span', { class: 'turn', 'aria-hidden': 'true' }, choice.others ? '▼' : '▶'), say('others', { count: others.length })));
}

function nearest(x, y) {
  const lane = chart.lanes.find((lane) => y >= lane.y && y < lane.y + lane.height);
  const own = lane?.task !== undefined ? byTask[lane.task].events
    : events.map((event, at) => at).filter((at) => !lane || events[at][2] === lane.cpu);
  const at = place(own, toTime(x), (event) => events[event][0]);
  const near = [own[at - 1], own[at]].filter((event) => event !== undefined);
  const distance = (event) => Math.abs(toX(events[event][0]) - x);
  return near.sort((a, b) => distance(a) - distance(b))[0];
}

let drag = null;
canvas.addEventListener('pointerdown', (event) => {
  drag = { x: event.offsetX, from: chart.from, to: chart.to, moved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener('pointermove', (event) => {
  if (!drag) return;
  const by = (event.offsetX - drag.x) / canvas.clientWidth * (drag.to - drag.from);
  drag.moved ||= Math.abs(event.offsetX - drag.x) > 3;
  if (drag.moved) show(drag.from - by, drag.to - by);
});
canvas.addEventListener('pointerup', (event) => {
  const clicked = drag && !drag.moved;
  drag = null;
  const at = clicked ? nearest(event.offsetX, event.offsetY) : undefined;
  if (at !== undefined) select(at, false);
});
canvas.addEventListener('pointercancel', () => { drag = null; });
canvas.addEventListener('dblclick', (event) => zoom(0.4, toPlace(event.offsetX)));
canvas.addEventListener('wheel', (event) => {
  if (event.ctrlKey) zoom(Math.exp(event.deltaY * 0.004), toPlace(event.offsetX));
  else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || event.deltaY) / 1000);
  else return;
  event.preventDefault();
}, { passive: false });

const moves = {
  in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.25), right: () => pan(0.25), fit, all: () => show(0, placeOf(end)),
  idle: () => { if (report.idle.length) leaveOut(!scale.cut); },
};
const keys = { '+': 'in', '=': 'in', '-': 'out', ArrowLeft: 'left', ArrowRight: 'right', 0: 'fit', Home: 'all', i: 'idle' };
canvas.addEventListener('keydown', (event) => {
  const move = keys[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  moves[move]();
  event.preventDefault();
});
for (const button of document.querySelectorAll('[data-do]')) button.addEventListener('click', moves[button.dataset.do]);
