use std::collections::*; use std::path::*; use kernsnap::*; use std::time::Duration;
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ws = workspace::Workspace::around(Path::new("."))?;
    let machine = ws.machine("raspi3b")?; let names = ws.names()?;
    let k = PathBuf::from(std::env::args().nth(1).unwrap());
    let (symbols, _) = trace::Symbols::from_system_map(&std::fs::read_to_string(k.join("System.map"))?);
    let cl = std::fs::read_to_string(k.join("cmdline"))?.trim().replace("console=ttyAMA0,115200","");
    let mut kit = run::Kit { image: "early".into(), image_key: "x".into(), machine, command_line: cl, kernel: k.join("Image"), device_tree: k.join("board.dtb"), symbols, facts: Default::default(), init: std::fs::read("/tmp/gtest/init")? };
    let dir = PathBuf::from("/tmp/gtest/run"); std::fs::create_dir_all(&dir)?;
    let sched = vm::Schedule{shift:1,cpus:4};
    let factfile = k.join("facts.json");
    if let Ok(t) = std::fs::read_to_string(&factfile) { kit.facts = serde_json::from_str(&t)?; } else {
    let a = run::boot_plan(&kit, &Default::default(), facts::first_question(kit.machine.channel), sched, &dir, Duration::from_secs(60))?;
    let sa = run::sections(&a);
    let b = run::boot_plan(&kit, &Default::default(), facts::second_question(kit.machine.channel, &sa), sched, &dir, Duration::from_secs(60))?;
    kit.facts = facts::Facts::from_answers(&sa, &run::sections(&b));
    std::fs::write(&factfile, serde_json::to_string(&kit.facts)?)?; println!("facts {:?} {:?}", a.times, b.times); }
    println!("{} {} {}", kit.facts.release, kit.facts.functions.len(), kit.facts.formats.len());
    for id in std::env::args().skip(2) {
    let draft = ws.draft(&ws.scenario_file(&id)?)?;
    let programs = ws.programs()?; let mut mods = BTreeMap::new(); let mut load = run::Load::default();
    for m in ws.modules()? { mods.insert(m, vec![]); }
    for m in draft.modules() { let b = std::fs::read(format!("/tmp/gtest/{m}.ko"))?; let f = module_file::ModuleFile::read(&b)?; mods.insert(m.into(), f.names().map(str::to_owned).collect()); load.modules.insert(m.into(), (b, f)); }
    let events = kit.facts.events();
    let t = scenario::Target { image: "early", functions: &kit.facts.functions, events: &events, programs: &programs, modules: &mods, names: &names, cpus: 4 };
    let sc = match draft.resolve(&t) { Ok(s)=>s, Err(e)=>{ println!("{e}"); continue } };
    for s in &sc.steps { if let scenario::Step::Start{program,..} = s { load.programs.insert(program.clone(), std::fs::read(format!("/tmp/gtest/{program}"))?); } }
    let o = run::run(&sc, &kit, &load, sched, &dir, Duration::from_secs(60))?;
    for e in &o.trace.events { if std::env::var("DUMP").is_ok() { println!("{} {} {} {:?}", e.time.0, e.cpu.0, e.pid.0, match &e.body { trace::Body::Enter{function,depth}=>format!("> {function} {depth}"), trace::Body::Leave{function,depth,..}=>format!("< {function} {depth}"), b=>format!("{b:?}")}) } }; println!("{}", o.view); println!("{:#?}\n guest {} ms {:?} {:?} total {:?} dropped {} events {}", o.verdict, o.guest_ns as f64/1e6, o.phases, o.times, o.total, o.view.dropped, o.trace.events.len());
    }
    Ok(())
}
