# 도움말의 한국어. 영어는 args.rs의 정의에 있습니다. `help-명령-인자`가 없으면 `help-인자`를 씁니다.

help-about = 라즈베리 파이 커널을 QEMU에서 부팅하고, 프로세스를 생성하고 종료하고 커널 스레드를 만드는 프로그램을 ftrace로 추적해 결과를 판정합니다. 입력이 같으면 결과는 언제나 바이트까지 같습니다.

## 제목
heading-usage = 사용법:
heading-arguments = 인자:
heading-options = 옵션:
group-1 = 시나리오 실행
group-2 = 커널 비교
group-3 = 트레이스 보기
group-4 = 실습
group-5 = 시나리오 작성
group-6 = 이미지와 저장소
group-7 = 셸

## 명령
help-run = 시나리오를 실행하고 뷰와 판정을 보여 줍니다
help-record = 프로그램, 모듈, 셸 명령을 게스트에서 실행하고 커널의 동작을 기록합니다
help-explore = 시나리오를 여러 스케줄에서 실행해 언제나 성립하는 것, 스케줄에 따라 달라지는 것, 깨지는 것을 찾습니다
help-cost = 한 번의 실행에서 두 이벤트 사이의 명령어 수를 셉니다
help-shell = tracefs를 마운트한 게스트에서 셸을 엽니다
help-gdb = 함수나 이벤트에서 멈춘 실행에 커널 심벌과 함께 gdb를 붙입니다
help-replay = 캡슐에 담긴 것을 부팅해 바이트를 비교합니다
help-kselftest = 커널의 자체 테스트 `tools/testing/selftests`를 하나씩 게스트에서 실행합니다
help-regress = 두 커널의 동작과 비용을 비교합니다
help-bisect = 시나리오의 결과를 바꾼 커밋을 찾습니다
help-matrix = 여러 이미지에서 시나리오를 실행하고 상태를 표로 보여 줍니다
help-view = 기록을 보여 줍니다: 커널이나 trace-cmd의 텍스트, trace.dat, 실행이 남긴 원본 트레이스
help-diff = 스냅샷, 실행, 기록, 이미지 둘을 태스크별로 비교합니다
help-export = 기록을 다른 도구의 형식으로 저장합니다
help-report = 실행 하나를 HTML 파일로 만듭니다: 타임라인, 함수 호출, 이벤트, 기대 조건마다의 근거
help-lesson = 책의 설명을 실행의 트레이스를 따라가며 확인합니다. ID가 없으면 실습 목록을 보여 줍니다
help-list = 시나리오 목록이나, 시나리오가 보여 주는 책의 설명을 나열합니다
help-new = 새 시나리오와 게스트 프로그램을 만듭니다
help-init = 디렉터리를 작업 공간으로 만들고 시작용 시나리오를 넣습니다
help-snapshot = 달라진 스냅샷을 검토하고 받아들이거나 거절합니다
help-image = 이미지를 빌드하고 찾습니다
help-store = 저장소를 살펴보고 정리하고 검증합니다
help-doctor = 이 호스트의 도구를 점검합니다
help-completions = 셸 자동 완성을 출력합니다
help-man = 매뉴얼 페이지를 출력하거나 모든 명령의 페이지를 디렉터리에 저장합니다

## 여러 명령이 함께 쓰는 인자
help-root = 작업 공간 [기본값: 현재 디렉터리를 포함하는 작업 공간, 없으면 현재 디렉터리]
help-store-directory = 이미지를 보관하는 곳 [기본값: 사용자 캐시 디렉터리의 kernsnap]
help-store-remote = 여러 컴퓨터가 함께 쓰는 저장소: `file:`, `s3:`, `gs:`, `az:` 또는 `https:` [기본값: kernsnap.toml의 `[store]`에 있는 `remote`]
help-store-trust = 원격 저장소에서 받아들일 항목에 서명한 공개 키. kernsnap.toml에 있는 키에 더합니다
help-store-key = 원격 저장소로 보내는 항목에 서명하는 키의 파일. 없으면 아무것도 보내지 않습니다
help-lang = 사람이 읽는 글의 언어: en 또는 ko. JSON과 스냅샷은 언어와 관계없이 같습니다 [기본값: 로캘이 한국어이면 ko, 아니면 en]
help-help = 도움말을 출력합니다
help-version = 버전을 출력합니다
help-image-name = 실행할 이미지
help-format = 표준 출력에 쓰는 결과의 형식: human, json, markdown, mail, ktap, github, kcidb. human은 터미널용이고, json은 결과마다 객체 하나를 한 줄에 씁니다
help-json = `--format json`과 같습니다. 결과마다 객체 하나를 docs/schema/kernsnap-1.json에 따라 씁니다
help-origin = `--format kcidb`에 쓸 CI 시스템의 이름
help-repeat = N번 실행해서 바이트를 비교합니다
help-parallel = 동시에 실행할 게스트의 수 [기본값: 프로세서마다 하나]
help-schedule = 속도, CPU 수, 시작 시점: 명령어 하나에 2^SHIFT 나노초가 걸리고, 단계마다 OFFSET 나노초 늦게 시작합니다 [기본값: 1, 모든 CPU, 0]
help-views = 다른 뷰: events, tree, calls, stacks, timeline, summary. 여러 번 쓰면 여러 뷰를 봅니다
help-explain = 뷰 아래에 뷰에 나온 이벤트와 함수의 뜻을 한 문장씩 보여 줍니다
help-html = 실행의 리포트를 HTML 파일 하나로 저장합니다
help-limit = 실행을 포기할 때까지의 호스트 시간(초). 멈춘 게스트는 게스트 시간 제한에 먼저 걸립니다
help-kernel-source = 이미지에 정해진 것과 다른 커널 소스: 호스트의 소스 트리나 tarball, 저장소 URL#REF, tarball의 URL#sha256=DIGITS. `image build`와 함께 쓰면 그 뒤로도 이 소스를 뜻합니다
help-kernel-build = 이미 빌드된 커널: `make O=DIR`이 빌드한 디렉터리. 그 안에서는 아무것도 컴파일하지 않습니다
help-config = 이미지의 설정 대신 쓸 커널 설정 전체: `.config` 파일이나 `defconfig` 같은 타깃. kernsnap에 꼭 필요한 것만 바꾸고 알려 줍니다
help-fragments = 설정 위에 덧씌울 커널 옵션. 여러 개면 적은 차례대로 적용합니다
help-patches = 커널 소스에 적용할 패치. 여러 개면 적은 차례대로 적용하고, 바뀐 것만 다시 컴파일합니다
help-update = 전에 찾은 커널 소스를 쓰지 않고 다시 찾습니다
help-jobs = 동시에 실행할 컴파일러의 수 [기본값: 프로세서마다 하나]

## run
help-run-scenarios = 시나리오: 이름, 파일, 또는 `fork-*` 같은 패턴 [기본값: 작업 공간의 시나리오, 없으면 전부]
help-run-shard = 시나리오를 N개로 나눈 것 가운데 K번째만
help-look = 판정하지 않고 보기만 합니다. 프로그램이나 시나리오를 바꾸어 볼 때 씁니다. 성립하지 않는 기대 조건은 실제로 일어난 일과 함께 보여 주며, 실패로 치지 않습니다. 스냅샷과도 비교하지 않습니다
help-run-failed = 이 이미지에서 마지막 실행이 통과하지 못한 시나리오만
help-run-fail-fast = 통과하지 못한 실행이 나오면 더 시작하지 않습니다
help-run-snapshots = 뷰를 작업 공간의 검토된 스냅샷과 비교할지: check 또는 off 등 [기본값: check. 커널이나 스케줄이 이미지의 것이 아니면 off]
help-run-junit = 결과를 `JUnit` XML로 저장합니다
help-run-capsule = 실행의 입력과 결과를 모두 파일 하나에 담습니다. `replay`로 어디서나 부팅할 수 있습니다. 시나리오 하나일 때만 씁니다
help-run-out = 실행마다 명령줄, 콘솔 로그, 원본 트레이스, 뷰, 리포트, 결과를 DIR/SCENARIO에 남깁니다(`--repeat`이면 /N까지)
help-run-mutate = 기대 조건이 정말 어긋날 수 있는지 확인합니다. 통과한 실행의 트레이스를 바꾸어 보고, 알아채지 못한 변화를 알려 줍니다
help-run-fresh = 같은 실행의 결과를 이미 알아도 부팅합니다. 결과는 같아야 합니다. `--repeat`도 그렇게 합니다
help-run-adverse = QEMU의 스레드를 가장 불리한 곳에서 늦춥니다. 그 타이밍이 게스트에 전달되지 않음을 보여 줍니다

## record
help-record-program = C 파일, arm64나 arm 프로그램, 모듈(`.ko` 또는 `Kbuild`가 있는 디렉터리), 게스트 셸의 명령과 그 인자
help-record-events = 이벤트: 서브시스템, 이벤트, `irq:*` 같은 패턴, 또는 `all` [기본값: 트레이서가 없으면 sched]
help-record-plugin = 트레이서: nop, function, function_graph
help-record-functions = 이 패턴과 맞는 함수만 [기본값: 커널의 모든 함수]
help-record-graph = `function_graph`에서 이 함수들이 호출하는 것만
help-record-max-graph-depth = 호출 그래프의 깊이
help-record-follow = 이 프로그램과 프로그램이 만든 태스크만
help-record-stack = 함수마다 콜 스택을 기록합니다
help-record-buffer-size = CPU마다의 버퍼 크기
help-record-output = 기록을 저장할 파일 [기본값: trace.dat]
help-record-save = 시나리오와 프로그램을 작업 공간에 저장합니다: `scenarios/recorded/NAME.yaml`
help-record-debian = 게스트에 데비안의 프로그램과 C 라이브러리를 넣습니다. 공유 라이브러리를 쓰는 프로그램에는 언제나 들어갑니다

## shell
help-shell-scenarios = 프로그램을 게스트의 /bin에, 모듈을 /lib/modules에 넣을 시나리오
help-shell-command = 게스트의 셸에서 COMMAND를 입력 없이 실행하고, 출력한 것을 보여 준 뒤 전원을 끕니다. COMMAND가 0으로 끝나면 종료 코드도 0이고, 아니면 1입니다
help-shell-with = 호스트의 파일을 게스트의 `/with/NAME`에 넣습니다. 여러 번 쓰면 파일 여럿을 넣습니다
help-shell-out = 게스트의 파일을 DIR로 꺼냅니다: 전원을 끄거나 게스트에서 `out FILE…`을 실행할 때 `/out`에 있는 파일. DIR에 있는 파일은 덮어쓰지 않습니다
help-shell-debian = 게스트에 busybox와 함께 데비안의 bash와 프로그램을 넣습니다
help-shell-busybox = 배포판의 것 대신 쓸 정적 busybox. 그 뒤로도 이것을 씁니다

## view
help-view-files = 기록 파일. `-`는 표준 입력입니다. 형식은 앞부분을 보고 알아냅니다. 여러 기록의 이벤트는 시간 순서로 보여 주며, 클록이 같아야 합니다
help-view-instance = 이 인스턴스의 버퍼만(`trace-cmd record -B`)
help-view-follow = PID나 이름으로 고른 태스크가 한 일과 그 태스크에 일어난 일만
help-view-view = 모든 이벤트 대신 볼 뷰: events, tree, calls, stacks, timeline, summary. 여러 번 쓸 수 있습니다

## report
help-report-what = 실행할 시나리오, `run --out`이 남긴 디렉터리, 또는 캡슐
help-report-output = 저장할 파일 [기본값: SCENARIO.html]
help-report-against = `diff`처럼 비교할 대상 [기본값: 검토된 스냅샷]

## lesson
help-lesson-lesson = 실습의 이름, 또는 책의 장이나 절 번호(4, 4.6.1)
help-lesson-write-docs = docs/lessons의 페이지를 씁니다: 실습 하나 또는 전부

## list
help-list-claims = 책의 설명과, 설명마다 그것을 보여 주는 시나리오 및 마지막 실행의 판정을 나열합니다

## 종료 코드
heading-exit-codes = 종료 코드:
exit-0 = 통과
exit-1 = 커널이나 게스트 프로그램의 동작이 다름. `diff`에서는 차이가 있음
exit-2 = 잘못된 입력: 파일이나 인자가 틀렸거나 커널이 트레이스 설정을 거부함
exit-3 = 이미지, 프로그램, 모듈을 빌드하지 못함
exit-4 = 가상 머신이 부팅하지 못했거나 중단됨
exit-5 = 트레이스를 쓸 수 없음: 이벤트를 잃음
exit-6 = 반복한 실행의 바이트가 서로 다름
exit-7 = 보관한 결과가 재현되지 않음: 같은 입력이 전과 다른 바이트를 냄
exit-8 = 호스트가 준비되지 않음: 도구가 없거나 너무 오래됨(`kernsnap doctor`가 나열함)
exit-70 = kernsnap 자체의 오류
exit-130 = 중단됨

## 잘못 쓴 인자
usage-unknown-argument = 인자 `{ $argument }`을(를) 알 수 없습니다
usage-unknown-command = 명령 `{ $command }`이(가) 없습니다
usage-missing = 필요한 인자가 없습니다: { $arguments }
usage-invalid-value = `{ $argument }`의 값 `{ $value }`은(는) 쓸 수 없습니다
usage-no-value = `{ $argument }`에 값이 필요합니다
usage-values = 쓸 수 있는 값: { $values }
usage-conflict = `{ $argument }`은(는) `{ $other }`와(과) 함께 쓸 수 없습니다
usage-more = 자세한 내용: `{ $command } --help`
