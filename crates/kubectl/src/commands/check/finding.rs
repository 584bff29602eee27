//! The result of one check, and how it is printed.

use crate::text::output::{Out, Style};
use serde::Serialize;

/// How a component does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It works.
    Ok,
    /// It works, but may not for long or not as expected: the exit code stays 0.
    Warning,
    /// It does not work: the exit code is 1.
    Failed,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) component: &'static str,
    pub(super) status: Status,
    pub(super) text: String,
    /// The commands that fix the problem, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

pub(super) fn ok(component: &'static str, text: impl Into<String>) -> Finding {
    Finding {
        component,
        status: Status::Ok,
        text: text.into(),
        fix: None,
    }
}

pub(super) fn warn(
    component: &'static str,
    text: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        status: Status::Warning,
        ..fail(component, text, fix)
    }
}

pub(super) fn fail(
    component: &'static str,
    text: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        component,
        status: Status::Failed,
        text: text.into(),
        fix: Some(fix.into()),
    }
}

impl Finding {
    /// Whether the component does not work.
    pub(super) fn failed(&self) -> bool {
        self.status == Status::Failed
    }

    /// Prints the component with its state, and under it how to fix it.
    pub(super) fn print(&self, out: &Out) -> std::io::Result<()> {
        let sign = match self.status {
            Status::Ok => out.styled(Style::Good, "✔"),
            Status::Warning => out.styled(Style::Warning, "⚠"),
            Status::Failed => out.styled(Style::Bad, "✘"),
        };
        out.data(&format!("{sign} {:15}  {}", self.component, self.text))?;
        let mut arrow = "→";
        for line in self.fix.iter().flat_map(|fix| fix.lines()) {
            out.data(&format!("                   {arrow} {line}"))?;
            arrow = " ";
        }
        Ok(())
    }
}
