//! What a request asks for as Kubernetes' RBAC names it, and whether `rbac.md` grants it.

use std::collections::BTreeSet;

/// Group, resource, name of the object or "", and verb.
type Permission = (String, String, String, String);

/// Group, resource and verb.
pub type Right = (String, String, String);

/// The rights of one account.
#[derive(Default)]
pub struct Rights {
    granted: BTreeSet<Permission>,
    used: BTreeSet<Right>,
    refused: Vec<String>,
}

impl Rights {
    /// What the table of the chart grants to `subject`, in the section whose values begin with `set`.
    pub fn of(subject: &str, set: &str) -> Self {
        let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/rbac.md");
        let table = std::fs::read_to_string(table).expect("the table");
        let mut sections = table.split("\n## ");
        let section = sections.find(|section| section.starts_with(set));
        let section = section.expect("a section with these values");
        let mut rights = Self::default();
        for row in section.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            if cells[0] == subject {
                rights.grant(&cells[2..]);
            }
        }
        assert!(!rights.granted.is_empty(), "{subject} has rights in {set}");
        rights
    }

    fn grant(&mut self, cells: &[&str]) {
        let words = |cell: &str| match cell {
            "" => vec![String::new()],
            cell => cell.split(' ').map(str::to_owned).collect(),
        };
        for resource in words(cells[1]) {
            for name in words(cells[2]) {
                for verb in words(cells[3]) {
                    let right = (cells[0].to_owned(), resource.clone(), name.clone(), verb);
                    self.granted.insert(right);
                }
            }
        }
    }

    /// Its rights, whichever objects they name.
    pub fn granted(&self) -> BTreeSet<Right> {
        let granted = self.granted.iter().cloned();
        granted.map(|(a, b, _, verb)| (a, b, verb)).collect()
    }

    /// The rights but for reviews, which the dashboard asks for.
    pub fn without_reviews(mut self) -> Self {
        self.granted
            .retain(|(_, resource, ..)| !resource.ends_with("reviews"));
        self
    }

    /// The rights of both.
    pub fn and(mut self, other: Self) -> Self {
        self.granted.extend(other.granted);
        self
    }

    /// Whether the request is granted. Each answer is remembered.
    pub fn allow(&mut self, method: &str, path: &str, query: &str) -> bool {
        let Some((group, resource, name, verb)) = asked(method, path, query) else {
            return true; // RBAC of a resource says nothing about it
        };
        let is_granted = [&name, ""].into_iter().any(|name| {
            let asked = (
                group.clone(),
                resource.clone(),
                name.to_owned(),
                verb.clone(),
            );
            self.granted.contains(&asked)
        });
        if is_granted {
            self.used.insert((group, resource, verb));
        } else {
            self.refused.push(format!("{method} {path}?{query}"));
        }
        is_granted
    }

    /// Asserts that nothing was refused, and that no right was left unused.
    #[track_caller]
    pub fn assert_all_needed(&self) {
        assert!(self.refused.is_empty(), "refused: {:#?}", self.refused);
        let granted = self.granted();
        let unused: Vec<&Right> = granted.difference(&self.used).collect();
        assert!(unused.is_empty(), "nothing needs {unused:#?}");
    }
}

/// What a request asks for; `None` if it is about no resource. A list or watch of one name counts as one of that object.
fn asked(method: &str, path: &str, query: &str) -> Option<Permission> {
    let mut parts = path.trim_start_matches('/').split('/');
    let group = match parts.next()? {
        "api" => "core",
        "apis" => parts.next()?,
        _ => return None,
    };
    let _version = parts.next()?;
    let mut parts = parts.peekable();
    if parts.peek() == Some(&"namespaces") {
        parts.nth(1);
    }
    let (resource, name) = (parts.next()?, parts.next());
    let resource = match parts.next() {
        Some(part) => format!("{resource}/{part}"),
        None => resource.to_owned(),
    };
    let verb = match (method, name) {
        ("GET", Some(_)) => "get",
        ("GET", None) if query.contains("watch=true") => "watch",
        ("GET", None) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        other => panic!("{other:?} is no request of Kubernetes"),
    };
    let one = query.split("metadata.name%3D").nth(1);
    let one = one.and_then(|rest| rest.split('&').next());
    let name = name.or(one).unwrap_or_default();
    Some((group.to_owned(), resource, name.to_owned(), verb.to_owned()))
}
