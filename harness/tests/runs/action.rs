//! The GitHub action in `ci/`: its steps are run here as a runner runs them, on a workspace of another repository. A step that uses
//! another action needs GitHub; the step that installs kernsnap is replaced by the program under test.

#![expect(clippy::disallowed_methods, reason = "these tests run the steps of the action")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_yaml::Value;

use crate::support::{Checkout, Outcome, data, program, root};

/// A step that is a shell script.
struct Step {
    name: String,
    script: String,
    env: BTreeMap<String, String>,
}

/// The steps of the action that are shell scripts, with the values of its inputs.
fn steps(inputs: &BTreeMap<&str, &str>) -> Result<Vec<Step>, Box<dyn Error>> {
    let action: Value = serde_yaml::from_str(&fs::read_to_string(root().join("ci/action.yml"))?)?;
    let default = |name: &str| action["inputs"][name]["default"].as_str().ok_or(format!("no input `{name}`"));
    let expand = |text: &str| -> Result<String, Box<dyn Error>> {
        let Some(name) = text.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}")) else {
            assert!(!text.contains("${{"), "{text}");
            return Ok(text.to_owned());
        };
        Ok(inputs.get(name).map_or_else(|| default(name), |value| Ok(*value))?.to_owned())
    };
    let mut found = Vec::new();
    for step in action["runs"]["steps"].as_sequence().ok_or("no steps")? {
        let Some(script) = step["run"].as_str().filter(|_| step["id"].as_str() != Some("install")) else { continue };
        let mut env = BTreeMap::new();
        for (name, value) in step["env"].as_mapping().into_iter().flatten() {
            let (name, value) = (name.as_str().unwrap_or_default(), value.as_str().unwrap_or_default());
            env.insert(name.to_owned(), expand(value)?);
        }
        let name = step["name"].as_str().unwrap_or_default().to_owned();
        found.push(Step { name, script: script.to_owned(), env });
    }
    Ok(found)
}

fn run(name: &str, directory: &Path, inputs: &BTreeMap<&str, &str>) -> Result<Output, Box<dyn Error>> {
    let Step { script, env, .. } = steps(inputs)?.into_iter().find(|step| step.name == name).ok_or(name)?;
    let program = program();
    let program = program.parent().ok_or("no directory")?;
    let path = format!("{}:{}", program.display(), std::env::var("PATH")?);
    let mut bash = Command::new("bash");
    // The options of a runner's `shell: bash`.
    bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script]).current_dir(directory);
    bash.envs(env).env("PATH", path).env("GITHUB_ACTION_PATH", root().join("ci"));
    Ok(bash.env("GITHUB_STEP_SUMMARY", directory.join("summary.md")).output()?)
}

#[test]
fn the_steps_of_the_action_run_a_workspace_and_keep_the_evidence() -> Outcome {
    let checkout = Checkout::with(&[data("fault-scenarios/crash.yaml"), root().join("scenarios/user/hello.yaml")])?;
    let ended = run("Set up the host", checkout.path(), &BTreeMap::new())?;
    assert!(ended.status.success(), "{ended:?}");

    let good = BTreeMap::from([("scenarios", "hello")]);
    let ended = run("Run the scenarios", checkout.path(), &good)?;
    assert!(ended.status.success(), "{ended:?}");
    let results = checkout.path().join("kernsnap-results");
    assert!(fs::read_to_string(results.join("rpi3-6.1.xml"))?.contains(r#"tests="1""#));

    let ended = run("Run the scenarios", checkout.path(), &BTreeMap::from([("arguments", "--repeat 2")]))?;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(told.contains("::error file=scenarios/test/crash.yaml"), "{told}");
    assert!(results.join("rpi3-6.1/crash").is_dir());
    assert!(fs::read_to_string(checkout.path().join("summary.md"))?.contains("crash"));
    Ok(())
}
