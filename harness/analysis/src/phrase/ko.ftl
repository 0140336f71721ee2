# 한국어 문장. 한 줄에 하나씩 쓰고, 이름과 자리는 모든 언어에서 같습니다.

## 기대 조건이 어긋난 까닭
no-task-played = 역할 `{ $role }`을(를) 맡은 태스크가 없어서 `{ $pattern }`은(는) 일어나지 않았습니다
never-happened = `{ $pattern }`이(가) 한 번도 일어나지 않았습니다
behind = `{ $pattern }` 다음에는 { $what }
happened = `{ $pattern }`이(가) { $found }번 일어났습니다
happened-otherwise = `{ $pattern }`이(가) { $wanted }번이 아니라 { $found }번 일어났습니다
first-is = 첫 이벤트는 `{ $event }`입니다
last-is = 마지막 이벤트는 `{ $event }`입니다
no-console-line = 콘솔에 `{ $text }`이(가) 들어 있는 줄이 없습니다
happened-before = `{ $pattern }`이(가) `{ $other }`보다 먼저 일어났습니다
time-passes = `{ $from }`부터 `{ $to }`까지 { $ms } ms가 걸립니다
no-stack = `{ $pattern }`에 기록된 콜 스택이 없습니다
frame-missing = 콜 스택에서 `{ $frame }`이(가) 있어야 할 곳에 없습니다. 기록된 콜 스택: { $stack }
not-recorded = `{ $field }`은(는) 기록되지 않았습니다
value-is = `{ $field }`의 값은 { $value }
other-values = `{ $field }`의 값이 { $wanted }가지가 아니라 { $found }가지입니다: { $values }

## 모든 실행이 지켜야 하는 조건
machine-panics = 가상 머신이 커널 패닉으로 끝납니다
switched-off = init 프로세스가 전원을 껐습니다
steps-succeed = 게스트의 모든 단계가 성공합니다
ends-in-time = 게스트 시간 { $ms } ms 안에 실행이 끝납니다
still-running = 아직 실행 중: { $tasks }
nothing = 없음
program-ends = 프로그램 `{ $task }`의 종료 상태는 { $end }입니다
ended-with = 실제 종료 상태는 { $end }입니다
never-ended = 끝나지 않았습니다
kernel-silent = 커널이 경고나 오류를 출력하지 않습니다

## 판정
verdict-passed = 통과
verdict-does-not-apply = 해당 없음
verdict-failed = 실패
verdict-refused = 커널이 설정을 거부함
verdict-lost = 가상 머신이 중단됨
verdict-unusable = 판정 불가
verdict-cache-mismatch = 캐시와 다름

## 터미널에 표시하는 실행 결과
run-title = { $image }에서 실행한 { $scenario }: { $title }
run-ended = { $verdict }: { $scenario }
run-took = { $verdict }: { $scenario }, 게스트 시간 { $guest }초, 실제 시간 { $here }초
run-took-before = { $verdict }: { $scenario }, 게스트 시간 { $guest }초(저장된 결과)
looked = 살펴봄: { $scenario }
otherwise = 지금은 { $found }
nothing-of-this-kind = 이 뷰에 해당하는 기록이 없습니다
nothing-recorded = 힌트: 기록된 이벤트가 없습니다. 프로그램에서 `trace_on()`을 호출하거나 단계에서 `tracing_on`에 1을 써야 합니다
waits-for-review = 검토를 기다리는 스냅샷: { $file } (`kernsnap snapshot review`)
cannot-fail = 어긋날 수 없는 조건: { $change }
evidence-kept = 증거 파일: { $directory }
others-not-shown = 다른 태스크의 이벤트 { $count }개는 표시하지 않았습니다
no-timeline = 이 기록에는 걸린 시간만 있습니다. 태스크가 언제 실행되었는지 알 수 없어 타임라인을 표시하지 않습니다

## 책의 설명
claim-instead = 실제로는: { $text }
claim-not-shown = 보여 주지 못함: { $text }
claim-run = { $image }에서 { $verdict }: { $scenario }
claim-not-run = 실행하지 않음

## 실습
lesson-contradicted = 실습 `{ $lesson }`의 { $step }단계: { $what }
lesson-has = `{ $pattern }`이(가) 없다고 하지만 이 실행에는 있습니다
lesson-has-nothing = `{ $pattern }`을(를) 보여 주지만 이 실행에는 해당하는 것이 없습니다
lesson-has-no-stack = { $function }()의 콜 스택을 보여 주지만 이 실행에는 없습니다
lesson-now = 이 실행에서는: 이 단계는 { $what }.

## 차이
diff-verdict = 판정
diff-missing = 없어진 줄 { $count }
diff-added = 새로운 줄 { $count }
diff-moved = 옮겨진 줄 { $count }
diff-changed = 바뀐 줄 { $count }
diff-none = (없음)
diff-moment = CPU { $cpu }에서 { $seconds }초
diff-from-both = { $line }번째 줄부터: 이전에는 { $before }, 이후에는 { $after }
diff-from-before = { $line }번째 줄부터: 이전에는 { $before }. 이후에는 더 하는 일이 없습니다
diff-from-after = { $line }번째 줄부터: 이후에는 { $after }. 이전에는 더 하는 일이 없습니다
diff-more = … 그 밖에 차이 { $count }개

## 오류
error = 오류: { $text }
hint = 힌트: { $text }
unknown-scenario = 시나리오 `{ $name }`이(가) 없습니다
unknown-lesson = 실습 `{ $name }`이(가) 없습니다
did-you-mean = `{ $name }`을(를) 찾으셨나요?
names-are = 있는 이름: { $names }
names-shown-by = `{ $command }`을(를) 실행하면 { $count }개를 모두 볼 수 있습니다
no-lesson-of = 책의 { $number }에 해당하는 실습이 없습니다
lessons-have = 실습이 있는 번호: { $numbers }
lesson-of-section = 번호 { $number }의 실습은 없습니다. { $section }의 실습입니다

## 태스크의 상태
state-unknown = 알 수 없음
state-new = 생성됨
state-runnable = 실행 대기
state-running = 실행 중
state-sleeping = 휴면
state-blocked = 인터럽트할 수 없는 휴면
state-stopped = 정지
state-idle = 유휴
state-zombie = 좀비
state-dead = 종료됨

## 타임라인과 요약
timeline-legend = 태스크 아래 줄: 깨운 태스크의 기호, *는 인터럽트나 다른 태스크. CPU 줄: 실행된 태스크의 기호, .은 다른 태스크
timeline-cuts = { $sign } 표시는 변화가 없는 { $cuts } 구간을 생략한 곳입니다
waker-other = 다른 태스크
frames-interrupt = 인터럽트
frames-process = 프로세스
frames-user = 유저 프로그램
summary-range = 첫 이벤트부터 마지막 이벤트까지 { $time }
summary-range-guest = 첫 이벤트부터 마지막 이벤트까지 게스트 시간 { $time }
summary-events = 이벤트
summary-times = 횟수
summary-min = 최소
summary-median = 중앙값
summary-max = 최대
summary-total = 합계
summary-unfinished-one = 기록 안에서 끝나지 않은 대기 1번은 뺐습니다
summary-unfinished = 기록 안에서 끝나지 않은 대기 { $count }번은 뺐습니다
measure-fork-to-run = 생성 → 첫 실행
measure-wake-to-run = 깨우기 → 실행
measure-exit-to-parent = 종료 → 부모를 깨움
measure-run = 실행 중
measure-sleep = 휴면 중

## 리포트 페이지
page-skip = 이벤트로 건너뛰기
page-parts = 리포트의 구성
page-claims = 기대 조건
page-timeline = 타임라인
page-calls = 함수 호출
page-events = 이벤트
page-view = 뷰
page-difference = 차이
page-wakers = 누가 누구를 깨웠나
page-waker = 깨운 태스크
page-woken-task = 깨어난 태스크
page-idle = 유휴 시간 생략
page-must-hold = 지켜야 하는 조건
page-without-scripts = 스크립트를 쓸 수 없으면 아래의 표와 뷰를 보면 됩니다.
page-find = 찾기
page-find-example = 이벤트, 함수, 태스크
page-previous = 이전 결과
page-next = 다음 결과
page-time-shown = 표시하는 시간
page-zoom-in = 확대
page-zoom-out = 축소
page-earlier = 앞으로
page-later = 뒤로
page-scenario = 시나리오
page-all = 전체
page-lanes = 줄
page-picture = 태스크와 CPU가 언제 실행되었는지 줄마다 보여 주는 그림입니다. 같은 내용이 아래 표에 있습니다.
page-keys = 끌거나 ← →로 이동하고, + − 또는 Ctrl+휠로 확대합니다. 0은 시나리오 구간이고, i는 유휴 시간을 생략하거나 되돌립니다. 그림을 누르면 가장 가까운 이벤트를 선택합니다. 줄을 열면 함수 호출과 이벤트가 보입니다.
page-legend = 범례
page-selected = 선택한 이벤트
page-task-table = 태스크 표
page-tasks = 태스크
page-task = 태스크
page-created-by = 만든 태스크
page-at = 생성 시각
page-ran-for = 실행 시간
page-woken = 깨어난 횟수
page-exits-at = 종료 시각
page-with = 종료 상태
page-only-view = 뷰에 있는 이벤트만
page-time = 시각
page-event = 이벤트
page-more = 더 보기
page-frozen = 스냅샷이 고정하는 내용입니다. 역할로 표시하며, 시간과 PID는 없습니다.
page-footer = 이 파일 하나로 완결되며 네트워크를 쓰지 않습니다. 시각은 첫 이벤트부터 센 게스트 시간입니다.
page-on = { $image }의 { $scenario }
page-report = kernsnap 리포트
page-facts = 스케줄 { $schedule }, 이벤트 { $count }개
page-holds = 성립
page-does-not-hold = 성립하지 않음
page-not-known = 알 수 없음
page-compared = { $name }과(와) 태스크별로 비교했습니다.
page-no-differences = 차이가 없습니다.

## 리포트의 스크립트가 넣는 문장
script-one-event = 이벤트 1개
script-events = 이벤트 { $count }개
script-of = 전체 { $all }개 중 { $count }
script-select-event = { $number }번 이벤트 선택
script-stack = 콜 스택
script-no-return = 반환하지 않음
script-each = 각각
script-one-root = 최상위 호출 1개
script-roots = 최상위 호출 { $count }개
script-and-more = 외 { $count }개
script-fork = 생성
script-wake-up = 깨우기(화살촉만 있으면 인터럽트가 깨움)
script-inner = 함수 호출, 이벤트
script-others = 다른 태스크 { $count }개
script-idle = 이 태스크들에 변화가 없어 생략한 시간

## 뷰에 나오는 것의 뜻
explain-heading = 위에 나온 이벤트와 함수
explain-unknown = 설명이 없는 것: { $names }
explain-probe = 시나리오가 { $function }()에 건 프로브입니다.
