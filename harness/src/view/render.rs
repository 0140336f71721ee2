//! A view as text: one event a line, the roles in a column of their own.

use std::fmt;

use super::View;

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|line| line.role.chars().count()).max().unwrap_or(0);
        for line in &self.lines {
            if let Some(cpu) = line.cpu {
                write!(f, "[{cpu}] ")?;
            }
            let indent = line.depth * 2;
            writeln!(f, "{:width$}  {:indent$}{}", line.role, "", line.text)?;
            let margin = width + 2 + indent + if line.cpu.is_some() { 4 } else { 0 };
            for frame in &line.stack {
                writeln!(f, "{:margin$} => {frame}", "")?;
            }
        }
        Ok(())
    }
}
