//! `rules workflow`: the workflows of the services as pictures.

use crate::cli::{Picture, RulesWorkflow};
use crate::config::Config;
use crate::failure::Failure;
use crate::{load, output};
use domain::ServiceName;
use workflow::flow::Flow;

/// One service alone is the bare picture of its newest workflow, for a file; all are a document in Markdown.
pub fn workflow(config: &Config, arguments: &RulesWorkflow) -> Result<(), Failure> {
    let tree = load::rule_files(config, &arguments.sources)?;
    let book = load::workflows_under(config, &arguments.sources, &tree)?;
    let picture = |flow: &Flow| match arguments.format {
        Picture::Mermaid => flow.mermaid(&[], None),
        Picture::Svg => flow.svg(&[], None),
    };
    if let Some(name) = &arguments.service {
        let definition = ServiceName::new(name.as_str()).ok().and_then(|name| book.get(&name));
        let Some(flow) = definition.and_then(|definition| definition.flows().last()) else {
            let names: Vec<&str> = book.names().map(ServiceName::as_str).collect();
            return Err(Failure::Usage(format!("den Dienst {name} gibt es nicht; es gibt {}", names.join(", "))));
        };
        output::line(picture(flow).trim_end());
        return Ok(());
    }
    let (open, close) = if arguments.format == Picture::Mermaid { ("```mermaid\n", "```\n") } else { ("", "") };
    for definition in book.names().filter_map(|name| book.get(name)) {
        for flow in definition.flows() {
            let heading = format!("## {} (`{}`), Ablauf {}", definition.title, definition.service, flow.version);
            output::line(&format!("{heading}\n\n{open}{}{close}", picture(flow)));
        }
    }
    Ok(())
}
