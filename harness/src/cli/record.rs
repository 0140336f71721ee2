//! `kernsnap record`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::args::{
    BootArguments, ExplainArguments, LookArguments, OriginArguments, OutputArguments, ParallelArguments, Plugin,
    RecordArguments, RunArguments, Snapshots,
};
use super::progress::Progress;
use super::{Context, Exit, Failure, absolute, options, run, schedule, talk, write_file};
use crate::session::compose::{Composition, Descendant, Subject, Tracing, descendants, events_of, matching};
use crate::session::prepare::PreparedImage;
use crate::session::run::Runner;
use kernsnap_analysis::verdict::Verdict;
use kernsnap_analysis::verdict::mutation::mutate;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Arch, ImageError};
use kernsnap_scenario::{End, RootFileSystem};
use kernsnap_trace::Pid;
use kernsnap_yaml::{did_you_mean, nearest};

/// The events of a recording that asks for nothing.
const USUAL: &str = "sched";
/// The longest name of a task (`TASK_COMM_LEN`).
const LONGEST: usize = 15;
/// Where `--save` writes scenarios.
const SAVED: &str = "scenarios/recorded";

pub(super) fn record(context: &Context, arguments: &RecordArguments) -> Result<Exit, Failure> {
    // A workspace of one scenario and its program, over the user's.
    let scratch = context.store.scratch().map_err(ImageError::from)?;
    let own = Context { workspace: Workspace::on(scratch.path(), &context.workspace), store: context.store.clone() };
    let given = Given::read(arguments, scratch.path())?;
    let session = own.session()?;
    let options = options(&arguments.source)?;
    let image = own.prepared_image(&options, &arguments.image)?;
    given.check_architecture(&image)?;
    let composition = Composition {
        title: format!("recorded: {}", arguments.program.join(" ")),
        name: given.name.clone(),
        subject: given.subject.clone(),
        root: given.root,
        tracing: tracing(arguments, &image)?,
    };
    let file = format!("{SAVED}/{}.yaml", if let Some(save) = &arguments.save { save } else { &composition.name });
    let write = |descendants: &[Descendant], end, expectations: &[String]| {
        let text = composition.yaml(descendants, end, expectations);
        put(&scratch.path().join(&file), text.as_bytes())
    };

    // Which tasks there are is known when they have run. The roles do not change the run, so its result is known afterwards.
    write(&[], End::Exit(0), &[])?;
    let runner = Runner::new(&session, &image.runtime);
    let schedule = schedule(&image, arguments.schedule)?;
    let path = scratch.path().join(&file);
    let mut progress = Progress::new();
    let (scenario, payload) = image.scenario(&path, &mut |event| progress.show(event))?.ready()?;
    drop(progress);
    let judged = runner.judge_once(&scenario, &payload, schedule)?;
    let Some(first) = judged.run else {
        return Err(Failure::from_status(&composition.name, judged.status, &judged.reasons));
    };
    let report = first.evidence.report();
    let pid = report.pids.get(&composition.name).copied().unwrap_or(Pid(0));
    let family = descendants(&first.outcome.trace.events, pid, &composition.name, &composition.subject);
    let end = report.ends.get(&composition.name).and_then(|status| End::from_wait_status(*status));
    let end = end.unwrap_or(End::Exit(0));
    write(&family, end, &composition.candidates(&family))?;
    let (scenario, payload) = image.scenario(&path, &mut |_| ())?.ready()?;
    let judged = runner.judge_once(&scenario, &payload, schedule)?;
    let Some(run) = judged.run else {
        return Err(Failure::from_status(&composition.name, judged.status, &judged.reasons));
    };
    let output = arguments.output.as_deref().unwrap_or(Path::new("trace.dat"));
    if let Some(recording) = run.recording(&scenario)? {
        write_file(&absolute(output)?, &recording)?;
    }

    // Expectations that cannot fail say nothing.
    let survived = match run.outcome.verdict {
        Verdict::Passed => mutate(&scenario, &run.outcome.trace, &run.outcome.role_map, &run.outcome.console).survived,
        _ => Vec::new(),
    };
    let expectations: Vec<String> = composition
        .candidates(&family)
        .into_iter()
        .filter(|text| survived.iter().all(|(that, _)| !text.contains(&format!("that: {that}\n"))))
        .collect();
    write(&family, end, &expectations)?;
    let exit = run::run(&own, &shown(arguments, &file))?;
    talk(&format!("{}: {} events", output.display(), run.outcome.trace.events.len()));
    if let End::Exit(code @ 1..) = end {
        talk(&format!("`{}` ended with exit {code}", composition.name));
    }
    if arguments.save.is_some() {
        save(context, scratch.path(), &file)?;
    }
    Ok(exit)
}

/// The program or module to run, and its place for the guest.
struct Given {
    name: String,
    subject: Subject,
    root: RootFileSystem,
    /// The architecture of a program that comes built, and its file.
    built: Option<(Arch, PathBuf)>,
}

impl Given {
    /// Finds out what the first word names, and puts it into the workspace `own`.
    fn read(arguments: &RecordArguments, own: &Path) -> Result<Self, Failure> {
        let (first, rest) = arguments.program.split_first().ok_or_else(|| Failure::input("name a program".into()))?;
        let path = Path::new(first);
        let stem = arguments.save.clone().unwrap_or_else(|| stem(path));
        let name = task_name(&stem);
        let unreadable = |error| Failure::input(format!("cannot read `{first}`: {error}"));
        let root = if arguments.debian { RootFileSystem::Debian } else { RootFileSystem::Init };
        let given = |subject, root, built| Ok(Self { name: name.clone(), subject, root, built });
        let has_end = |end: &str| path.extension().is_some_and(|found| found == OsStr::new(end));
        let program = own.join(format!("guest-programs/user/{name}"));
        if let Some(module) = kbuild_file(path) {
            let text = fs::read_to_string(&module).map_err(unreadable)?;
            let made = modules_of(&text);
            let module = match made.as_slice() {
                [module] => module.clone(),
                several => several.iter().find(|module| **module == name).cloned().ok_or_else(|| {
                    let none = || format!("`{first}` does not say which module it makes, as `obj-m := NAME.o` does");
                    let several = || {
                        let names = several.join(", ");
                        format!("`{first}` makes several modules: {names}; build it, and give one `.ko`")
                    };
                    Failure::input(if made.is_empty() { none() } else { several() })
                })?,
            };
            let directory = own.join(format!("guest-programs/modules/{module}"));
            copy_directory(path, &directory).map_err(unreadable)?;
            if !directory.join("Kbuild").is_file() {
                put(&directory.join("Kbuild"), b"include $(src)/Makefile\n")?;
            }
            return given(Subject::Module { module, parameters: rest.to_vec() }, root, None);
        }
        if !path.is_file() {
            if first.contains('/') {
                return Err(Failure::input(format!("there is no program `{first}`")));
            }
            // By the name of the command, the script would be found in its place, and start itself.
            let name = arguments.save.as_deref().map_or_else(|| SHELL.to_owned(), task_name);
            put(&own.join(format!("guest-programs/user/{name}")), script(arguments).as_bytes())?;
            return Ok(Self { name, subject: Subject::Program(Vec::new()), root, built: None });
        }
        if has_end("ko") {
            // The kernel knows no `-` in a module's name.
            let module = self::stem(path).replace('-', "_");
            put(&own.join(format!("guest-programs/modules/{module}.ko")), &fs::read(path).map_err(unreadable)?)?;
            return given(Subject::Module { module, parameters: rest.to_vec() }, root, None);
        }
        if has_end("c") {
            put(&program.with_extension("c"), &fs::read(path).map_err(unreadable)?)?;
            let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            for entry in fs::read_dir(beside).map_err(unreadable)?.flatten() {
                let header = entry.path();
                if header.extension().is_some_and(|end| end == "h") {
                    let to = own.join("guest-programs/user").join(entry.file_name());
                    put(&to, &fs::read(&header).map_err(unreadable)?)?;
                }
            }
            return given(Subject::Program(rest.to_vec()), root, None);
        }
        let content = fs::read(path).map_err(unreadable)?;
        let (arch, is_dynamic) = match elf(&content) {
            Some(elf) => elf,
            None if content.starts_with(b"#!") => (Arch::Arm64, false),
            None => {
                return Err(Failure::input(format!(
                    "`{first}` is not a C file, a module, a script, or a program of arm64 or arm\n\n\
                     hint: compile it with `aarch64-linux-gnu-gcc -static`, or give its C file"
                )));
            }
        };
        put(&program, &content)?;
        let root = if is_dynamic { RootFileSystem::Debian } else { root };
        given(Subject::Program(rest.to_vec()), root, Some((arch, path.to_owned())))
    }

    /// A 64-bit program needs a 64-bit kernel.
    fn check_architecture(&self, image: &PreparedImage<'_>) -> Result<(), Failure> {
        match &self.built {
            Some((Arch::Arm64, path)) if image.arch() == Arch::Arm => Err(Failure::input(format!(
                "`{}` has 64 bits, and the kernel of `{}` has 32",
                path.display(),
                image.runtime.image
            ))),
            _ => Ok(()),
        }
    }
}

/// The file of a directory that says which module it makes.
fn kbuild_file(directory: &Path) -> Option<PathBuf> {
    ["Kbuild", "Makefile"].into_iter().map(|name| directory.join(name)).find(|file| file.is_file())
}

/// The modules that a Kbuild or Makefile makes: the objects of its `obj-m`, as the kernel names them.
fn modules_of(kbuild: &str) -> Vec<String> {
    let objects = kbuild.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("obj-m")?.trim_start();
        let objects = [":=", "+=", "="].iter().find_map(|sign| rest.strip_prefix(sign))?;
        Some(objects.split('#').next().unwrap_or_default().split_whitespace())
    });
    objects.flatten().filter_map(|object| object.strip_suffix(".o")).map(|name| name.replace('-', "_")).collect()
}

/// The task that executes the line of a shell.
const SHELL: &str = "shell";

/// The words of a shell command as a script of the guest. `sh -c LINE` is the line.
fn script(arguments: &RecordArguments) -> String {
    let shell = if arguments.debian { "#!/bin/bash" } else { "#!/bin/busybox sh" };
    let line = match arguments.program.as_slice() {
        [sh, option, line] if ["sh", "bash"].contains(&sh.as_str()) && option == "-c" => line.clone(),
        words => words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect::<Vec<_>>().join(" "),
    };
    format!("{shell}\n{line}\n")
}

/// A hint for a function that this kernel cannot trace: its name here, or the reason why a function of the source may not be there. A
/// name that is only near may be another function, so it does not replace the reason.
fn in_place_of<'a>(
    function: &str,
    image: &PreparedImage<'_>,
    mut known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    if let Some(other) = image.names().others(function).find(|other| known.clone().any(|name| name == *other)) {
        return format!("`{function}` is `{other}` here");
    }
    match nearest(function, known.by_ref()) {
        Some(near) => {
            format!(
                "did you mean `{near}`? The function may also be inlined or not traceable: trace its caller or an event"
            )
        }
        None => "it may be inlined or not traceable: trace its caller or an event".to_owned(),
    }
}

/// The architecture of an ELF file, and whether it needs shared libraries (elf(5): `e_machine`, `PT_INTERP`).
fn elf(content: &[u8]) -> Option<(Arch, bool)> {
    let file = object::File::parse(content).ok()?;
    let arch = match object::Object::architecture(&file) {
        object::Architecture::Aarch64 => Arch::Arm64,
        object::Architecture::Arm => Arch::Arm,
        _ => return None,
    };
    let has_interpreter = object::Object::section_by_name(&file, ".interp").is_some();
    Some((arch, has_interpreter))
}

/// The trace that was asked for, with the names of this image.
fn tracing(arguments: &RecordArguments, image: &PreparedImage<'_>) -> Result<Tracing, Failure> {
    let none = |kind: &str, word: &str, near: Option<String>| {
        let hint = near.map(|near| format!("\n\nhint: {near}")).unwrap_or_default();
        Failure::input(format!("image `{}` has no {kind} `{word}`{hint}", image.runtime.image))
    };
    let tracer = match arguments.plugin {
        Plugin::Nop if arguments.functions.is_empty() && arguments.graph.is_empty() => "nop",
        Plugin::FunctionGraph => "function_graph",
        Plugin::Nop if !arguments.graph.is_empty() => "function_graph",
        Plugin::Nop | Plugin::Function => "function",
    };
    let mut words = arguments.events.clone();
    if words.is_empty() && tracer == "nop" {
        words.push(USUAL.to_owned());
    }
    let mut events = Vec::new();
    for word in &words {
        let found = events_of(word, image.events());
        if found.is_empty() {
            let names = image.events().filter_map(|name| Some(name.split_once(':')?.1));
            return Err(none("event", word, did_you_mean(word.rsplit(':').next().unwrap_or(word), names)));
        }
        events.extend(found.into_iter().filter(|event| !events.contains(event)).collect::<Vec<_>>());
    }
    let known = || image.runtime.facts.functions.keys().map(String::as_str);
    let functions_of = |patterns: &[String]| {
        let mut functions: Vec<String> = Vec::new();
        for pattern in patterns {
            let found = matching(pattern, known());
            if found.is_empty() {
                return Err(none("traceable function", pattern, Some(in_place_of(pattern, image, known()))));
            }
            functions.extend(found.into_iter().filter(|name| !functions.contains(name)).collect::<Vec<_>>());
        }
        Ok(functions)
    };
    let roots = functions_of(&arguments.graph)?;
    Ok(Tracing {
        tracer: tracer.to_owned(),
        functions: functions_of(&arguments.functions)?,
        graph: (tracer == "function_graph" && !roots.is_empty()).then_some((roots, arguments.max_graph_depth)),
        stacks: arguments.stack,
        events,
        follow: arguments.follow,
        buffer_kib: arguments.buffer_size,
    })
}

/// The arguments of the run that shows it.
fn shown(arguments: &RecordArguments, file: &str) -> RunArguments {
    let scenario = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    RunArguments {
        explained: ExplainArguments::default(),
        scenarios: vec![scenario],
        image: arguments.image.clone(),
        repeat: arguments.repeat,
        parallel: ParallelArguments::default(),
        schedule: arguments.schedule,
        views: arguments.views.clone(),
        output: OutputArguments::default(),
        origin: OriginArguments::default(),
        shard: None,
        looked: LookArguments { look: arguments.looked.look },
        failed: false,
        fail_fast: false,
        snapshots: Some(Snapshots::Off),
        junit: None,
        html: arguments.html.clone(),
        capsule: None,
        out: None,
        mutate: false,
        boot: BootArguments { fresh: false, adverse: false },
        limit: crate::session::run::LIMIT.as_secs(),
        source: arguments.source.clone(),
    }
}

/// Moves the scenario and its program into the user's workspace. What is there is not written over.
fn save(context: &Context, own: &Path, file: &str) -> Result<(), Failure> {
    let mut files = vec![PathBuf::from(file)];
    for directory in ["guest-programs/user", "guest-programs/modules"] {
        collect(own, Path::new(directory), &mut files);
    }
    let root = &context.workspace.root;
    if let Some(taken) = files.iter().find(|path| root.join(path).exists()) {
        return Err(Failure::input(format!("`{}` is there already; nothing was saved", taken.display())));
    }
    for path in files {
        let bytes = fs::read(own.join(&path)).map_err(|error| Failure::internal("save the scenario", &error))?;
        put(&root.join(&path), &bytes)?;
        talk(&path.display().to_string());
    }
    // The directory is a workspace from now on.
    if Workspace::around(root).is_none() {
        put(&root.join(kernsnap_host::workspace::MARKER), b"")?;
    }
    Ok(())
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root.join(directory)).into_iter().flatten().flatten() {
        let path = directory.join(entry.file_name());
        if entry.path().is_dir() { collect(root, &path, files) } else { files.push(path) }
    }
}

fn copy_directory(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Writes a file that may be executed, with the directories above it.
fn put(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
        let is_program = content.starts_with(b"\x7fELF") || content.starts_with(b"#!");
        fs::set_permissions(path, fs::Permissions::from_mode(if is_program { 0o755 } else { 0o644 }))
    };
    write().map_err(|error| Failure::input(format!("cannot write `{}`: {error}", path.display())))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A name as tasks have it: letters, digits, `-` and `_`.
fn task_name(stem: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = stem.chars().map(plain).take(LONGEST).collect();
    // `child-1` is what its children are called, and `thread-1` the kernel threads of a module.
    if name.is_empty() || ["child", "thread", "kthreadd", "unload"].contains(&name.as_str()) {
        "program".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_says_which_modules_it_makes() {
        assert_eq!(modules_of("obj-m := a-b.o # and no more\n"), ["a_b"]);
        assert_eq!(modules_of("ifneq ($(KERNELRELEASE),)\n\tobj-m += x.o y.o\nobj-m+=z.o\nendif\n"), ["x", "y", "z"]);
        assert_eq!(modules_of("x-y := a.o\nobj-y += b.o\n"), [] as [&str; 0]);
    }

    #[test]
    fn a_program_goes_by_the_name_of_a_task() {
        assert_eq!(task_name("exercise"), "exercise");
        assert_eq!(task_name("a.b c/é"), "a-b-c--");
        assert_eq!(task_name("a-very-long-name-indeed"), "a-very-long-nam");
        assert_eq!(task_name(""), "program");
    }
}
