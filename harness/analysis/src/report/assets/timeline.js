// The picture: what part of the time is shown, and painting it.
const canvas = document.getElementById('canvas');
const AXIS = 26, LANE = 30, CALL = 16, TICKS = 18, DEEPEST = 8;
// Arrows beyond this many are not arrows any more.
const MOST_ARROWS = 250;
// `from` and `to` are places.
const chart = { from: 0, to: placeOf(end), selected: -1, hits: [], lanes: [], colours: {} };

function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ['ink', 'soft', 'line', 'running', 'runnable', 'sleeping', 'blocked', 'zombie', 'new', 'stopped', 'idle', 'fork',
    'wake', 'mark', 'call', 'call-line', 'stripe', 'other', 'on-other', 'on-running', 'raised',
    't0', 't1', 't2', 't3', 't4', 't5', 't6', 't7'];
  chart.colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

const toX = (ns) => (placeOf(ns) - chart.from) / (chart.to - chart.from) * canvas.clientWidth;
const toPlace = (x) => chart.from + x / canvas.clientWidth * (chart.to - chart.from);
const toTime = (x) => timeAt(toPlace(x));
const firstTime = () => timeAt(chart.from);
const lastTime = () => timeAt(chart.to);

// Shows the part of the picture between two places: at least a few nanoseconds, and not more than there is.
function show(from, to) {
  const last = placeOf(end);
  const length = Math.min(Math.max(to - from, 20), last * 1.04 + 20);
  const middle = (from + to) / 2;
  const first = Math.max(-last * 0.02 - 10, Math.min(middle - length / 2, last * 1.02 + 10 - length));
  [chart.from, chart.to] = [first, first + length];
  const [begin, until] = [Math.max(firstTime(), 0), Math.min(lastTime(), end)];
  document.getElementById('range').textContent = `${time(begin, until - begin)} … ${time(until, until - begin)}`;
  paint();
}

// Leaves idle times out, or shows them again, and keeps the times at both sides.
function leaveOut(cut) {
  const [first, last] = [firstTime(), lastTime()];
  scale.cut = cut;
  document.getElementById('idle').setAttribute('aria-pressed', String(cut));
  show(placeOf(first), placeOf(last));
}

function zoom(factor, around = (chart.from + chart.to) / 2) {
  show(around - (around - chart.from) * factor, around + (chart.to - around) * factor);
}

function pan(part) {
  const by = (chart.to - chart.from) * part;
  show(chart.from + by, chart.to + by);
}

function fit() {
  if (!events.length) return show(0, 1);
  const [from, to] = [placeOf(events[shown[0]][0]), placeOf(events[shown[1]][0])];
  const margin = Math.max((to - from) * 0.03, 20);
  show(from - margin, to + margin);
}

let waiting = false;
function paint() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; paintNow(); });
}

function paintNow() {
  const [width, height] = [canvas.clientWidth, AXIS + chart.lanes.reduce((sum, lane) => sum + lane.height, 0)];
  const ratio = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  let y = AXIS;
  chart.lanes.forEach((lane, number) => {
    lane.y = y;
    if (number % 2) { pen.fillStyle = chart.colours.stripe; pen.fillRect(0, y, width, lane.height); }
    if (lane.task !== undefined) paintTask(pen, lane, y); else paintCpu(pen, lane, y);
    y += lane.height;
  });
  paintArrows(pen);
  paintAxis(pen, width, height);
  paintIdle(pen, height);
  paintMarks(pen, height);
}

const UNITS = { 1: 'ns', 1e3: 'µs', 1e6: 'ms', 1e9: 's' };

function paintAxis(pen, width, height) {
  const until = Math.max(lastTime(), 1);
  const rough = (chart.to - chart.from) / Math.max(2, width / 110);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  pen.fillStyle = chart.colours.soft;
  pen.strokeStyle = chart.colours.line;
  pen.lineWidth = 1;
  pen.textAlign = 'left';
  const unit = until < 1e3 ? 1 : until < 1e6 ? 1e3 : until < 1e9 ? 1e6 : 1e9;
  const digits = Math.max(0, Math.ceil(Math.log10(unit / step)));
  for (const [from, to] of busyTimes()) {
    const last = Math.min(to, lastTime());
    for (let at = Math.ceil(Math.max(from, firstTime(), 0) / step) * step; at <= last; at += step) {
      const x = Math.round(toX(at)) + 0.5;
      pen.beginPath();
      pen.moveTo(x, 6);
      pen.lineTo(x, height);
      pen.globalAlpha = 0.6;
      pen.stroke();
      pen.globalAlpha = 1;
      const text = `${(at / unit).toFixed(digits).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '')} ${UNITS[unit]}`;
      const right = x + 4 + pen.measureText(text).width;
      // A label that would reach into a time left out is left out as well.
      if (right < width && (last < to || right < toX(to))) pen.fillText(text, x + 4, 12);
    }
  }
}

// The idle times that are left out: a strip of slanted lines, and how long they are.
function paintIdle(pen, height) {
  if (!scale.cut) return;
  for (const [from, to] of report.idle) {
    const [left, right] = [Math.round(toX(from)), Math.round(toX(to))];
    if (right < 0 || left > canvas.clientWidth) continue;
    const width = Math.max(right - left, 4);
    pen.save();
    pen.beginPath();
    pen.rect(left, AXIS, width, height - AXIS);
    pen.clip();
    pen.fillStyle = chart.colours.raised;
    pen.fillRect(left, AXIS, width, height - AXIS);
    [pen.strokeStyle, pen.lineWidth] = [chart.colours.idle, 1];
    pen.beginPath();
    for (let y = AXIS - width; y < height; y += 7) {
      pen.moveTo(left, y + width);
      pen.lineTo(left + width, y);
    }
    pen.stroke();
    pen.restore();
    pen.fillStyle = chart.colours.ink;
    pen.textAlign = 'center';
    const text = `╱ ${time(to - from)}`;
    pen.fillText(text, Math.max(pen.measureText(text).width / 2 + 2, left + width / 2), AXIS - 4);
  }
}

// Calls `one` for each span that can be seen. Those that are narrower than a pixel are one for each pixel: one that runs, if
// there is any among the first of them.
function eachVisible(spans, one) {
  const clip = (x) => Math.max(-2, Math.min(x, canvas.clientWidth + 2));
  // Spans of one lane do not overlap, so that their ends are in order as well.
  const last = lastTime();
  for (let at = place(spans, firstTime(), (span) => span.to); at < spans.length && spans[at].from <= last;) {
    const [left, right] = [toX(spans[at].from), toX(spans[at].to)];
    if (right - left >= 1) {
      one(spans[at++], clip(left), clip(right) - clip(left));
      continue;
    }
    const next = Math.max(at + 1, place(spans, toTime(left + 1), (span) => span.to));
    const some = spans.slice(at, Math.min(next, at + 32));
    one(some.find((span) => span.state === RUNNING) ?? some[0], clip(left), 1);
    at = next;
  }
}

function paintTask(pen, lane, y) {
  const [top, middle] = [y + 6, y + LANE / 2];
  eachVisible(byTask[lane.task].spans, (span, x, width) => {
    const state = report.states[span.state];
    pen.fillStyle = chart.colours[state] ?? chart.colours.idle;
    switch (state) {
      case 'running': pen.fillRect(x, top, width, LANE - 12); break;
      case 'runnable': pen.fillRect(x, top + 3, width, LANE - 18); break;
      case 'sleeping': pen.fillRect(x, middle - 1, width, 2); break;
      case 'blocked': pen.fillRect(x, middle - 2, width, 4); break;
      case 'zombie': pen.globalAlpha = 0.45; pen.fillRect(x, top + 3, width, LANE - 18); pen.globalAlpha = 1; break;
      case 'new': case 'stopped': pen.fillRect(x, top + 4, width, 2); pen.fillRect(x, y + LANE - 12, width, 2); break;
      default: pen.fillRect(x, middle - 0.5, width, 1);
    }
    if (state === 'running') label(pen, `CPU ${span.cpu}`, x, width, middle, chart.colours['on-running']);
  });
  if (lane.open) paintInner(pen, lane, y + LANE);
}

function paintCpu(pen, lane, y) {
  eachVisible(byCpu.get(lane.cpu), ({ task }, x, width) => {
    const colour = taskColour(task);
    pen.fillStyle = colour ?? chart.colours.other;
    pen.fillRect(x, y + 6, width, LANE - 12);
    const ink = chart.colours[colour ? 'on-running' : 'on-other'];
    label(pen, taskName(task), x, width, y + LANE / 2, ink);
  });
}

function label(pen, text, x, width, y, ink) {
  const left = Math.max(x, 0);
  const room = Math.min(x + width, canvas.clientWidth) - left - 8;
  if (room < 14 || pen.measureText(text).width > room) return;
  pen.fillStyle = ink;
  pen.textAlign = 'left';
  pen.fillText(text, left + 4, y);
}

// What an open lane shows: its calls, one level a row, and its events.
function paintInner(pen, lane, y) {
  const rows = lane.rows;
  const [first, last] = [firstTime(), lastTime()];
  const calls = (list, depth) => {
    let drawn = -1;
    for (let at = place(list, first, (call) => call[3] < 0 ? Infinity : call[3]); at < list.length; at++) {
      const [name, , entered, left, inner] = list[at];
      if (entered > last) break;
      const [x, right] = [Math.max(toX(entered), -2), Math.min(toX(left < 0 ? end : left), canvas.clientWidth + 2)];
      if (right - drawn < 0.7) continue;
      const [top, width] = [y + depth * CALL, Math.max(right - x, 1)];
      pen.fillStyle = chart.colours.call;
      pen.fillRect(x, top, width, CALL - 2);
      pen.fillStyle = chart.colours['call-line'];
      pen.fillRect(x, top, Math.min(width, 1), CALL - 2);
      label(pen, `${words[name]}()${left < 0 ? ' …' : ''}`, x, width, top + CALL / 2 - 1, chart.colours.ink);
      drawn = right;
      if (depth + 1 < rows) calls(inner, depth + 1);
    }
  };
  calls(byTask[lane.task].calls, 0);
  const own = byTask[lane.task].events;
  let drawn = -1;
  pen.fillStyle = chart.colours.soft;
  for (let at = place(own, first, (event) => events[event][0]); at < own.length; at++) {
    const x = Math.round(toX(events[own[at]][0]));
    if (x > canvas.clientWidth) break;
    if (x === drawn) continue;
    pen.fillRect(x, y + rows * CALL + 3, 1.5, TICKS - 7);
    drawn = x;
  }
}

function paintArrows(pen) {
  const lanes = new Map(chart.lanes.filter((lane) => lane.task !== undefined).map((lane) => [lane.task, lane]));
  const middle = (lane) => lane.y + LANE / 2;
  const first = place(report.wakes, firstTime(), (wake) => wake[0]);
  const last = place(report.wakes, lastTime(), (wake) => wake[0]);
  const visible = report.wakes.slice(first, last).filter((wake) => lanes.has(wake[3]));
  const crowded = visible.length > MOST_ARROWS;
  let drawn = -1;
  for (const [at, , by, task] of visible) {
    const x = toX(at);
    if (crowded && x - drawn < 1) continue;
    drawn = x;
    const from = crowded || by < 0 || !lanes.has(by) || by === task ? null : middle(lanes.get(by));
    arrow(pen, x, from, middle(lanes.get(task)), chart.colours.wake, true);
  }
  tasks.forEach(({ created }, task) => {
    if (!created || !lanes.has(task) || created[0] < firstTime() || created[0] > lastTime()) return;
    const from = lanes.has(created[1]) ? middle(lanes.get(created[1])) : null;
    arrow(pen, toX(created[0]), from, middle(lanes.get(task)), chart.colours.fork, false);
  });
}

// From one lane to another at one time; without a beginning only its head, above the lane.
function arrow(pen, x, from, to, colour, dashed) {
  const down = from === null || from < to;
  const tip = down ? to - 9 : to + 9;
  [pen.strokeStyle, pen.fillStyle, pen.lineWidth] = [colour, colour, dashed ? 1.3 : 1.8];
  if (from !== null) {
    pen.setLineDash(dashed ? [3, 2] : []);
    pen.beginPath();
    pen.moveTo(x, from);
    pen.lineTo(x, tip);
    pen.stroke();
    pen.setLineDash([]);
    pen.beginPath();
    pen.arc(x, from, 2.2, 0, 7);
    pen.fill();
  }
  const back = down ? -6 : 6;
  pen.beginPath();
  pen.moveTo(x, tip);
  pen.lineTo(x - 3.5, tip + back);
  pen.lineTo(x + 3.5, tip + back);
  pen.fill();
}

function paintMarks(pen, height) {
  const lane = (task) => chart.lanes.find((lane) => lane.task === task);
  pen.fillStyle = chart.colours.mark;
  let last = -1;
  for (const at of chart.hits) {
    const x = Math.round(toX(events[at][0]));
    const on = lane(events[at][1]);
    if (!on || x < 0 || x > canvas.clientWidth || (x === last && chart.hits.length > 1000)) continue;
    pen.fillRect(x - 1, on.y + LANE - 5, 2, 4);
    last = x;
  }
  if (chart.selected < 0) return;
  const [when, task] = events[chart.selected];
  const x = toX(when);
  pen.fillRect(x - 0.5, 0, 1, height);
  const on = lane(task);
  if (!on) return;
  pen.beginPath();
  pen.arc(x, on.y + LANE / 2, 4, 0, 7);
  pen.fill();
}
