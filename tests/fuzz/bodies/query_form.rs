//! Parameters of Query calls: every reader of a form, on forms that nobody meant.

use arqueta_aws::fuzzing::Form;

/// What the smoke run begins with.
pub const SEEDS: &[&[u8]] = &[
    b"Action=CreateUser&Version=2010-05-08&UserName=alice&Tags.member.1.Key=a&Tags.member.1.Value=b",
    b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr&PolicyArns.member.1.arn=x&DurationSeconds=900",
    b"Action=GetSessionToken&Flag=true&Empty=&A+B=%C3%A9",
];

/// One input.
pub fn run(body: &[u8]) {
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
}
