// Times and places. A place is a time with the idle times made short, so that the picture has room for what happens. Places are
// nanoseconds outside of idle times.
const busy = end - report.idle.reduce((sum, [from, to]) => sum + to - from, 0);
const scale = { cut: report.idle.length > 0, narrow: Math.max(busy / 30, 1) };

// The time and the place of each border, in order.
const borders = [[0, 0]];
for (const [from, to] of report.idle) {
  const [time, at] = borders.at(-1);
  const first = at + from - time;
  borders.push([from, first], [to, first + Math.min(scale.narrow, to - from)]);
}

// From one to the other: between two borders in proportion, outside of them as it is.
function convert(value, by, to) {
  if (!scale.cut) return value;
  const at = Math.max(0, place(borders, value, (border) => border[by]) - 1);
  const [before, after] = [borders[at], borders[at + 1]];
  const share = after && value > before[by] ? (after[to] - before[to]) / (after[by] - before[by]) : 1;
  return before[to] + (value - before[by]) * share;
}
const placeOf = (ns) => convert(ns, 0, 1);
const timeAt = (at) => convert(at, 1, 0);
const isIdle = (ns) => report.idle.some(([from, to]) => from < ns && ns < to);
// The times without idle ones.
const busyTimes = () => {
  if (!scale.cut) return [[-Infinity, Infinity]];
  const ends = report.idle.flat();
  return [-Infinity, ...ends.filter((_, at) => at % 2)].map((from, at) => [from, ends[at * 2] ?? Infinity]);
};
