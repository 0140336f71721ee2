//! Device trees in the form that dtc prints: one line for each property, for the beginning and for the end of each node.

use std::collections::BTreeSet;

/// A node with its properties and children, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// `gpio@7e200000`; nothing for the root.
    name: String,
    /// `status = "disabled";`, one each.
    properties: Vec<String>,
    children: Vec<Node>,
}

impl Node {
    /// The root of what dtc printed.
    pub(super) fn read(text: &str) -> Node {
        let mut open = vec![Node::default()];
        for line in text.lines().map(str::trim) {
            if let Some(head) = line.strip_suffix(" {") {
                // A label may stand in front of the name.
                let name = head.rsplit(": ").next().unwrap_or(head).trim_start_matches('/');
                open.push(Node { name: name.to_owned(), ..Node::default() });
            } else if line == "};" {
                close(&mut open);
            } else if let (Some(node), false) = (open.last_mut(), line.is_empty() || line.starts_with("/dts-v1/")) {
                node.properties.push(line.to_owned());
            }
        }
        while open.len() > 1 {
            close(&mut open);
        }
        open.pop().and_then(|mut file| file.children.pop()).unwrap_or_default()
    }

    /// As dtc reads it.
    pub(super) fn source(&self) -> String {
        let mut text = "/dts-v1/;\n/ {\n".to_owned();
        self.write_content(&mut text);
        text + "};\n"
    }

    fn write_content(&self, text: &mut String) {
        text.extend(self.properties.iter().flat_map(|property| [property, "\n"]));
        for child in &self.children {
            text.extend([&child.name, " {\n"]);
            child.write_content(text);
            text.push_str("};\n");
        }
    }

    /// The paths of all nodes below this one, which is at `path`, and of itself. The root's path is empty.
    pub(super) fn paths(&self, path: &str) -> BTreeSet<String> {
        let below = self.children.iter().flat_map(|child| child.paths(&format!("{path}/{}", child.name)));
        below.chain([path.to_owned()]).collect()
    }

    fn string(&self, property: &str) -> Option<&str> {
        let value = |line: &'_ str| -> Option<usize> {
            let rest = line.strip_prefix(property)?.strip_prefix(" = \"")?;
            rest.strip_suffix("\";").map(str::len)
        };
        let at = |line: &String| value(line).map(|length| (property.len() + 4, length));
        self.properties.iter().find_map(|line| at(line).map(|(from, length)| &line[from..from + length]))
    }
}

fn close(open: &mut Vec<Node>) {
    if let Some(node) = open.pop()
        && let Some(parent) = open.last_mut()
    {
        parent.children.push(node);
    }
}

/// An overlay for a tree that may lack some of the nodes that it changes: another kernel describes the same board differently.
/// A node at the top (`/reserved-memory`) is made. A fragment for any other node is left out, and its target is returned.
/// `known` are the paths of the tree, and afterwards those that the overlay adds.
pub(super) fn fit(overlay: &mut Node, known: &mut BTreeSet<String>) -> Vec<String> {
    let (mut made, mut left_out, mut missing) = (Vec::new(), Vec::new(), BTreeSet::new());
    for fragment in &overlay.children {
        let Some(target) = fragment.string("target-path") else { continue };
        let path = if target == "/" { "" } else { target };
        if !known.contains(path) {
            if path.rfind('/') == Some(0) {
                made.push(Node { name: path[1..].to_owned(), ..Node::default() });
            } else {
                missing.insert(fragment.name.clone());
                left_out.push(target.to_owned());
                continue;
            }
        }
        known.extend(fragment.children.iter().flat_map(|content| content.paths(path)));
    }
    overlay.children.retain(|fragment| !missing.contains(&fragment.name));
    for fixups in overlay.children.iter_mut().filter(|node| node.name == "__local_fixups__") {
        fixups.children.retain(|fragment| !missing.contains(&fragment.name));
    }
    if !made.is_empty() {
        let content = Node { name: "__overlay__".to_owned(), children: made, ..Node::default() };
        let properties = vec!["target-path = \"/\";".to_owned()];
        // Fragments are applied in order.
        overlay.children.insert(0, Node { name: "fragment@made".to_owned(), properties, children: vec![content] });
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "/dts-v1/;\n\n/ {\n\ta = <1>;\n\tsoc {\n\t\tl: gpio@7e {\n\t\t};\n\t};\n\tleds {\n\t};\n};\n";

    #[test]
    fn nodes_are_known_by_their_paths() {
        let paths = Node::read(BASE).paths("");
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["", "/leds", "/soc", "/soc/gpio@7e"]);
    }

    #[test]
    fn an_overlay_is_fitted_to_a_tree_that_lacks_some_nodes() {
        let fragment = |number: u32, path: &str, content: &str| {
            format!("fragment@{number} {{\ntarget-path = \"{path}\";\n__overlay__ {{\n{content}\n}};\n}};\n")
        };
        let text = [
            "/dts-v1/;\n/ {\n".to_owned(),
            fragment(0, "/reserved-memory", "channel@c0 {\nreg = <1>;\n};"),
            fragment(1, "/soc/gpio@7e", "status = \"okay\";"),
            fragment(2, "/soc/watchdog@7e", "clocks = <1>;"),
            fragment(3, "/reserved-memory/channel@c0", "no-map;"),
            "__local_fixups__ {\nfragment@2 {\nclocks = <0>;\n};\n};\n};\n".to_owned(),
        ]
        .concat();
        let mut overlay = Node::read(&text);
        let mut known = Node::read(BASE).paths("");
        assert_eq!(fit(&mut overlay, &mut known), ["/soc/watchdog@7e"]);
        let names: Vec<&str> = overlay.children.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["fragment@made", "fragment@0", "fragment@1", "fragment@3", "__local_fixups__"]);
        assert!(overlay.children[4].children.is_empty());
        assert_eq!(Node::read(&overlay.source()), overlay);
        // On a tree that has them all, nothing changes.
        let mut whole = Node::read(&text);
        assert_eq!(fit(&mut whole, &mut known.into_iter().chain(["/soc/watchdog@7e".to_owned()]).collect()), [""; 0]);
        assert_eq!(whole, Node::read(&text));
    }
}
