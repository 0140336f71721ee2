//! A headless Chromium, driven over its debugging protocol (`DevTools`). `--remote-debugging-pipe` has Chromium read commands from
//! descriptor 3 and write answers to descriptor 4, each message a JSON text with a NUL after it; both are named pipes here.
#![expect(clippy::disallowed_methods, reason = "these tests start a browser")]

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

/// A browser with one page.
#[derive(Debug)]
pub(crate) struct Browser {
    process: Child,
    commands: File,
    answers: BufReader<File>,
    session: Option<String>,
    last: u64,
    /// The errors of the page.
    pub(crate) errors: Vec<String>,
    /// The further requests of the page.
    pub(crate) requests: Vec<String>,
}

type Answer = Result<Value, Box<dyn Error>>;

impl Browser {
    /// Starts one that keeps its files in `directory`.
    pub(crate) fn start(directory: &Path) -> Result<Self, Box<dyn Error>> {
        let found = Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(
                "`chromium` does not run here: reports are tested in it, and `ci/setup --nextest` installs it".into()
            );
        }
        let (commands, answers) = (directory.join("commands"), directory.join("answers"));
        for pipe in [&commands, &answers] {
            mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        }
        // A shell, because only it can put a file on a descriptor of one's choice.
        let process = Command::new("sh")
            .args(["-c", "in=$1; out=$2; shift 2; exec chromium \"$@\" 3<\"$in\" 4>\"$out\"", "sh"])
            .args([&commands, &answers])
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--window-size=1200,900",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", directory.join("profile").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(directory.join("chromium.log"))?)
            .spawn()?;
        // In the shell's order: each waits for the other side.
        let commands = OpenOptions::new().write(true).open(commands)?;
        let answers = BufReader::new(File::open(answers)?);
        let (errors, requests) = (Vec::new(), Vec::new());
        Ok(Self { process, commands, answers, session: None, last: 0, errors, requests })
    }

    /// Opens a page, and waits until it has loaded.
    pub(crate) fn open(&mut self, url: &str) -> Result<(), Box<dyn Error>> {
        let target = self.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", &attach)?;
        self.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime.enable", "Log.enable", "Page.enable", "Network.enable"] {
            self.call(domain, &json!({}))?;
        }
        self.call("Page.navigate", &json!({ "url": url }))?;
        while self.next()?["method"] != "Page.loadEventFired" {}
        self.requests.retain(|request| request != url);
        Ok(())
    }

    /// The value of an expression in the page.
    pub(crate) fn ask(&mut self, expression: &str) -> Answer {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &parameters)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(format!("{expression}: {details}").into()),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until what was asked for is on the screen.
    pub(crate) fn painted(&mut self) -> Result<(), Box<dyn Error>> {
        self.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))").map(drop)
    }

    pub(crate) fn press(&mut self, key: &str) -> Result<(), Box<dyn Error>> {
        let down = json!({ "type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": 13, "text": "\r" });
        self.call("Input.dispatchKeyEvent", &down)?;
        self.call("Input.dispatchKeyEvent", &json!({ "type": "keyUp", "key": key, "code": key }))?;
        Ok(())
    }

    /// Makes the window as wide as a phone, or dark, as `Emulation` names it.
    pub(crate) fn emulate(&mut self, method: &str, parameters: &Value) -> Result<(), Box<dyn Error>> {
        self.call(&format!("Emulation.{method}"), parameters).map(drop)
    }

    pub(crate) fn type_text(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        self.call("Input.insertText", &json!({ "text": text })).map(drop)
    }

    pub(crate) fn click(&mut self, x: f64, y: f64) -> Result<(), Box<dyn Error>> {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event)?;
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) fn close(mut self) -> Result<(), Box<dyn Error>> {
        self.session = None;
        self.call("Browser.close", &json!({}))?;
        self.process.wait()?;
        Ok(())
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Answer {
        self.last += 1;
        let id = self.last;
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.commands.write_all(command.to_string().as_bytes())?;
        self.commands.write_all(b"\0")?;
        loop {
            let mut answer = self.next()?;
            if answer["id"] == id {
                return match answer.get("error") {
                    Some(error) => Err(format!("{method}: {error}").into()),
                    None => Ok(answer["result"].take()),
                };
            }
        }
    }

    /// The next message, whose complaints are written down.
    fn next(&mut self) -> Answer {
        let mut message = Vec::new();
        if self.answers.read_until(0, &mut message)? == 0 {
            return Err("the browser has gone".into());
        }
        message.pop();
        let message: Value = serde_json::from_slice(&message)?;
        let parameters = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.errors.push(parameters["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if parameters["type"] == "error" => self.errors.push(parameters.to_string()),
            "Log.entryAdded" => self.errors.push(parameters["entry"].to_string()),
            "Network.requestWillBeSent" => {
                self.requests.extend(parameters["request"]["url"].as_str().map(str::to_owned));
            }
            _ => {}
        }
        Ok(message)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // One that was closed has ended already.
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}
