//! Parameters of Query calls: every reader of a form, on forms that nobody meant.
#![no_main]

use arqueta_aws::fuzzing::Form;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(form) = Form::parse(body) else { return };
    let names: Vec<String> = form.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names.iter().map(|name| name.split('.').next().unwrap_or(name)) {
        let _ = form.value(name);
        let _ = form.number(name, 1..=1000);
        let _ = form.flag(name);
        let _ = form.list(name);
        let _ = form.fields(name, "arn");
        let _ = form.pairs(name, "Key", "Value");
    }
});
