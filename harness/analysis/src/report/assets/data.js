'use strict';
// The run, and what is computed of it once.
const report = JSON.parse(document.getElementById('data').textContent);
const { tasks, events, words } = report;
const texts = JSON.parse(document.getElementById('texts').textContent);

// A text in the reader's language, with values in its places.
const say = (name, values = {}) =>
  (texts[name] ?? name).replace(/\{(\w+)\}/g, (whole, place) => (Object.hasOwn(values, place) ? String(values[place]) : whole));
const countOf = (one, many, count) => (count === 1 ? say(one) : say(many, { count }));

const RUNNING = report.states.indexOf('running');

const byTask = tasks.map(() => ({ spans: [], events: [], calls: [] }));
for (const [task, state, cpu, from, to] of report.spans) byTask[task].spans.push({ state, cpu, from, to });
for (const lane of byTask) lane.spans.sort((a, b) => a.from - b.from);
events.forEach(([, task], at) => byTask[task].events.push(at));
for (const [task, calls] of report.calls) byTask[task].calls = calls;

const byCpu = new Map(report.cpus.map((cpu) => [cpu, []]));
byTask.forEach((lane, task) => {
  for (const { state, cpu, from, to } of lane.spans) if (state === RUNNING) byCpu.get(cpu)?.push({ task, from, to });
});
for (const spans of byCpu.values()) spans.sort((a, b) => a.from - b.from);

const end = events.length ? events[events.length - 1][0] : 1;
const isShown = new Uint8Array(events.length);
for (const [from, to] of report.shown) isShown.fill(1, from, to);
const shown = report.shown.length ? [report.shown[0][0], report.shown.at(-1)[1] - 1] : [0, events.length - 1];

// The first place in a sorted list whose `key` is not below `value`.
function place(list, value, key) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) < value) low = middle + 1; else high = middle;
  }
  return low;
}

// Nanoseconds in the unit that `scale` nanoseconds are best told in.
function time(ns, scale = ns) {
  const [unit, word] = scale < 1e3 ? [1, 'ns'] : scale < 1e6 ? [1e3, 'µs'] : scale < 1e9 ? [1e6, 'ms'] : [1e9, 's'];
  const digits = unit === 1 ? 0 : 3;
  return `${(ns / unit).toFixed(digits)} ${word}`;
}

// To the nanosecond, in microseconds: one unit for a whole column.
function exact(ns) {
  const [whole, part] = (ns / 1e3).toFixed(3).split('.');
  return `${whole.replace(/\B(?=(\d{3})+$)/g, '\u202f')}.${part} µs`;
}

const eventText = (at) => words[events[at][3]];
const taskName = (task) => tasks[task].name;
const functionOf = (text) => text.includes('()') ? text.slice(0, text.indexOf('()')) : null;
const sourceOf = (name) => name && Object.hasOwn(report.sources, name) ? report.sources[name] : null;

// An element. Whatever comes from the recording goes in as text.
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}
