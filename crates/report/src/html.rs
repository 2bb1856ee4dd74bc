//! A report as a page that is read on paper: no script, nothing from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::act::{Act, Use};
use crate::key::Key;
use crate::report::{Omitted, Proof, Report};

pub(crate) const STYLE: &str = "
body{font:11pt/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.7rem}h2{font-size:1.25rem;border-top:1px solid #999;padding-top:1rem;margin-top:2rem}h3{font-size:1rem}
table{border-collapse:collapse;width:100%;font-size:9pt;margin:.5rem 0}th,td{border:1px solid #bbb;padding:.25rem .4rem;
text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#eee}td.n{text-align:right}
code{font:9pt ui-monospace,monospace;overflow-wrap:anywhere}.bad{color:#a00;font-weight:700}.good{color:#060;font-weight:700}
.sign{display:grid;grid-template-columns:1fr 1fr;gap:3rem;margin-top:4rem}.sign div{border-top:1px solid #333}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}";

impl Report {
    /// As a page.
    #[must_use]
    pub fn html(&self) -> String {
        let title = format!("Use of keys: {}", self.scope);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { (title) }
                    p { "Period: " (self.from.as_deref().unwrap_or("the beginning of the record")) " to "
                        (self.to.as_deref().unwrap_or("its end")) ". All times are UTC." }
                    (proven(&self.proof))
                    (self.of_keys())
                    h2 { "Other calls" }
                    (uses(&self.uses))
                    h2 { "Changes of buckets, identities and trails" }
                    (acts(&self.changes))
                    (self.refusals())
                    (self.of_objects())
                    (self.not_listed())
                    h2 { "What this report does not cover" }
                    ul { @for gap in &self.not_covered { li { (gap) } } }
                    div.sign { div { "Reviewed by, date" } div { "Approved by, date" } }
                }
            }
        };
        page.into_string()
    }

    fn of_keys(&self) -> Markup {
        html! {
            h2 { "Keys" }
            @if self.keys.is_empty() { p { "No key was used or changed." } }
            @for key in &self.keys { (section(key)) }
        }
    }

    fn refusals(&self) -> Markup {
        html! {
            h2 { "Refused" }
            @if self.refused.is_empty() { p { "Nothing." } } @else {
                table {
                    tr { th { "Who" } th { "What" } th { "On" } th { "Answer" } th { "Calls" } th { "First" } th { "Last" } th { "From" } }
                    @for row in &self.refused {
                        tr {
                            td { (row.principal) } td { (row.what) } td { (row.on.join(" ")) } td { (row.code) }
                            td.n { (row.count) } td { (row.first) } td { (row.last) } td { (row.sources.join(" ")) }
                        }
                    }
                }
            }
        }
    }

    fn not_listed(&self) -> Markup {
        let Omitted { uses, changes, refused, objects } = self.omitted;
        html! {
            @if uses + changes + refused + objects > 0 {
                p { "Not listed, for a report has 10,000 rows of a kind: " (uses) " calls of further uses, " (changes)
                    " changes, " (refused) " refused calls, " (objects) " calls on further objects." }
            }
        }
    }

    fn of_objects(&self) -> Markup {
        html! {
            h2 { "Objects" }
            @if self.objects.is_empty() { p { "No data event tells of an object." } } @else {
                table {
                    tr { th { "Object" } th { "Version" } th { "Who" } th { "What" } th { "Calls" } th { "First" } th { "Last" } }
                    @for row in &self.objects {
                        tr {
                            td { (row.object) } td { (row.version.as_deref().unwrap_or_default()) } td { (row.principal) }
                            td { (row.what) } td.n { (row.count) } td { (row.first) } td { (row.last) }
                        }
                    }
                }
            }
        }
    }
}

/// What the verification of the record found.
pub(crate) fn proven(proof: &Proof) -> Markup {
    html! {
        h2 { "Proof" }
        @if proof.valid {
            p.good { "The record is what was written." }
        } @else {
            p.bad { "The record is not proven to be what was written." }
            ul { @for finding in &proof.findings { li { (finding) } } }
        }
        p { (proof.events) " events in " (proof.groups) " sealed groups; the chain ends at seal " (proof.chain_end)
            ", whose tag is " code { (proof.chain_tag) } "." }
        @if proof.pruned > 0 {
            p { "Groups 1 to " (proof.pruned) " were removed earlier; a statement of the gateway vouches for that." }
        }
    }
}

fn section(key: &Key) -> Markup {
    html! {
        h3 { code { (key.arn) } }
        table {
            tr { th { "account" } td { (key.account) } }
            @for (name, value) in &key.facts { tr { th { (name) } td { (value) } } }
            tr { th { "state at the end" } td { (key.state.as_deref().unwrap_or("not in the record")) } }
            @if !key.aliases.is_empty() { tr { th { "aliases" } td { (key.aliases.join(", ")) } } }
            @for (name, value) in &key.tags { tr { th { "tag " (name) } td { (value) } } }
        }
        h4 { "Material" }
        @if key.materials.is_empty() { p { "No call of the period was served by it." } } @else {
            table {
                tr { th { "Id" } th { "First call" } th { "Last call" } th { "Sealed" } th { "Opened" } }
                @for material in &key.materials {
                    tr {
                        td { code { (material.id) } } td { (material.first) } td { (material.last) }
                        td.n { (material.sealed) } td.n { (material.opened) }
                    }
                }
            }
        }
        h4 { "Uses" } (uses(&key.uses))
        h4 { "Changes" } (acts(&key.changes))
    }
}

fn uses(uses: &[Use]) -> Markup {
    html! {
        @if uses.is_empty() { p { "None." } } @else {
            table {
                tr { th { "Who" } th { "What" } th { "Through" } th { "Bucket" } th { "Calls" } th { "First" } th { "Last" } th { "From" } }
                @for row in uses {
                    tr {
                        td { (row.principal) } td { (row.what) } td { (row.through.as_deref().unwrap_or_default()) }
                        td { (row.bucket.as_deref().unwrap_or_default()) } td.n { (row.count) } td { (row.first) }
                        td { (row.last) } td { (row.sources.join(" ")) }
                    }
                }
            }
        }
    }
}

fn acts(acts: &[Act]) -> Markup {
    html! {
        @if acts.is_empty() { p { "None." } } @else {
            table {
                tr { th { "When" } th { "Who" } th { "From" } th { "What" } th { "On" } th { "Parameters" } }
                @for act in acts {
                    tr {
                        td { (act.at) } td { (act.by) } td { (act.from) } td { (act.what) } td { (act.on.join(" ")) }
                        td { code { (act.parameters) } }
                    }
                }
            }
        }
    }
}
