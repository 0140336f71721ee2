# English sentences, one a line. The same names and the same places are in every language.

## The way an expectation is broken
no-task-played = no task played the role `{ $role }`, so `{ $pattern }` never happened
never-happened = `{ $pattern }` never happened
behind = { $what }, behind `{ $pattern }`
happened = `{ $pattern }` happened { $found } times
happened-otherwise = `{ $pattern }` happened { $found } times, not { $wanted }
first-is = its first event is `{ $event }`
last-is = its last event is `{ $event }`
no-console-line = no line of the console says `{ $text }`
happened-before = `{ $pattern }` happened before `{ $other }`
time-passes = from `{ $from }` to `{ $to }` { $ms } ms pass
no-stack = `{ $pattern }` has no stack
frame-missing = frame `{ $frame }` is not in its place; the stack is { $stack }
not-recorded = `{ $field }` is not recorded
value-is = `{ $field }` is { $value }
other-values = `{ $field }` has { $found } values, not { $wanted }: { $values }

## Conditions of every run
machine-panics = the machine ends with a panic
switched-off = its init switched it off
steps-succeed = every step in the guest succeeds
ends-in-time = the run ends within { $ms } ms of guest time
still-running = still running: { $tasks }
nothing = nothing
program-ends = program `{ $task }` ends with { $end }
ended-with = it ended with { $end }
never-ended = it never ended
kernel-silent = the kernel does not complain

## Verdicts
verdict-passed = passed
verdict-does-not-apply = does-not-apply
verdict-failed = failed
verdict-refused = refused
verdict-lost = lost
verdict-unusable = unusable
verdict-cache-mismatch = cache-mismatch

## A run on the terminal
run-title = { $scenario } on { $image }: { $title }
run-ended = { $verdict }: { $scenario }
run-took = { $verdict }: { $scenario } in { $guest } s of guest time, { $here } s here
run-took-before = { $verdict }: { $scenario } in { $guest } s of guest time, as it was before
looked = looked at: { $scenario }
otherwise = now { $found }
nothing-of-this-kind = nothing of this kind was recorded
nothing-recorded = hint: nothing was recorded; programs turn tracing on with `trace_on()`, or a step writes 1 to `tracing_on`
waits-for-review = waits for a review: { $file } (`kernsnap snapshot review`)
cannot-fail = cannot fail: { $change }
evidence-kept = evidence: { $directory }
others-not-shown = { $count } events of other tasks are not shown
no-timeline = the recording has durations only: when a task ran is not known, and there is no timeline

## Claims
claim-instead = Instead: { $text }
claim-not-shown = Not shown: { $text }
claim-run = { $verdict } on { $image }: { $scenario }
claim-not-run = not run

## Lessons
lesson-contradicted = step { $step } of lesson `{ $lesson }` { $what }
lesson-has = says that there is no `{ $pattern }`, and this run has one
lesson-has-nothing = shows `{ $pattern }`, and nothing in this run is that
lesson-has-no-stack = shows the stack of { $function }(), and this run has none
lesson-now = In this run: the step { $what }.

## Differences
diff-verdict = verdict
diff-missing = { $count } missing
diff-added = { $count } added
diff-moved = { $count } moved
diff-changed = { $count } changed
diff-none = (none)
diff-moment = { $seconds } s on CPU { $cpu }
diff-from-both = from line { $line }: { $before } before, { $after } after
diff-from-before = from line { $line }: { $before } before; it does nothing more after
diff-from-after = from line { $line }: { $after } after; it does nothing more before
diff-more = … and { $count } more differences

## Errors
error = error: { $text }
hint = hint: { $text }
unknown-scenario = there is no scenario `{ $name }`
unknown-lesson = there is no lesson `{ $name }`
did-you-mean = did you mean `{ $name }`?
names-are = there are { $names }
names-shown-by = `{ $command }` shows the { $count } that there are
no-lesson-of = no lesson belongs to { $number } of the book
lessons-have = lessons have the numbers { $numbers }
lesson-of-section = no lesson has the number { $number }; this is { $section }

## States of tasks
state-unknown = unknown
state-new = new
state-runnable = runnable
state-running = running
state-sleeping = sleeping
state-blocked = blocked
state-stopped = stopped
state-idle = idle
state-zombie = zombie
state-dead = dead

## The timeline and the summary
timeline-legend = below a lane: who woke it, * an interrupt or another task; on a CPU: who ran, . another task
timeline-cuts = { $sign } leaves out { $cuts } in which nothing changes
waker-other = another task
frames-interrupt = interrupt
frames-process = process
frames-user = user program
summary-range = { $time } from the first event to the last
summary-range-guest = { $time } of guest time from the first event to the last
summary-events = events
summary-times = times
summary-min = min
summary-median = median
summary-max = max
summary-total = total
summary-unfinished-one = without 1 wait that has no end in the recording
summary-unfinished = without { $count } waits that have no end in the recording
measure-fork-to-run = fork → first run
measure-wake-to-run = wake → run
measure-exit-to-parent = exit → parent woken
measure-run = running
measure-sleep = asleep

## The page of a report
page-skip = Skip to the events
page-parts = Parts of this report
page-claims = Claims
page-timeline = Timeline
page-calls = Calls
page-events = Events
page-view = View
page-difference = Difference
page-wakers = Who woke whom
page-waker = Waker
page-woken-task = Woken task
page-idle = Idle time left out
page-must-hold = What must hold
page-without-scripts = Without scripts there are the tables and the view below.
page-find = Find
page-find-example = event, function, or task
page-previous = Previous match
page-next = Next match
page-time-shown = Time shown
page-zoom-in = Zoom in
page-zoom-out = Zoom out
page-earlier = Earlier
page-later = Later
page-scenario = Scenario
page-all = All
page-lanes = Lanes
page-picture = Who ran when, as lanes of tasks and CPUs. The same is in the table below.
page-keys = Drag or ← → to move, + − or Ctrl and the wheel to zoom, 0 for the scenario, i for the idle time. Click for the nearest event. Open a lane for its calls and events.
page-legend = Legend
page-selected = Selected event
page-task-table = The tasks as a table
page-tasks = Tasks
page-task = Task
page-created-by = Created by
page-at = at
page-ran-for = Ran for
page-woken = Woken
page-exits-at = Exits at
page-with = with
page-only-view = only those of the view
page-time = Time
page-event = Event
page-more = More
page-frozen = What the snapshot freezes: by role, without times and pids.
page-footer = One file, nothing fetched. Times are guest time since the first event.
page-on = { $scenario } on { $image }
page-report = kernsnap report
page-facts = schedule { $schedule }, { $count } events
page-holds = holds
page-does-not-hold = does not hold
page-not-known = not known
page-compared = Compared with { $name }, task by task.
page-no-differences = No differences.

## Texts that scripts of a report put in
script-one-event = 1 event
script-events = { $count } events
script-of = { $count } of { $all }
script-select-event = Select event { $number }
script-stack = Stack
script-no-return = does not return
script-each = each
script-one-root = 1 root
script-roots = { $count } roots
script-and-more = and { $count } more
script-fork = fork
script-wake-up = wake-up (a head alone: by an interrupt)
script-inner = calls, events
script-others = { $count } other tasks
script-idle = time left out, in which nothing happens to these tasks

## The meaning of what a view shows
explain-heading = Events and functions above
explain-unknown = without a sentence: { $names }
explain-probe = A probe of the scenario on { $function }().
