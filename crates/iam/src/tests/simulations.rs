//! What a simulation may cost.

use super::{account, world};
use crate::{Error, Simulation};

fn simulation(pattern: &str, value: &str) -> Simulation {
    Simulation {
        policies: vec![format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"StringLike":{{"s3:prefix":"{pattern}"}}}}}}}}"#
        )],
        actions: vec!["s3:ListBucket".to_owned()],
        context: vec![("s3:prefix".to_owned(), vec![value.to_owned()])],
        ..Simulation::default()
    }
}

#[tokio::test]
async fn values_and_names_are_bounded() {
    let world = world().await;
    let long = |mut input: Simulation, change: fn(&mut Simulation)| {
        change(&mut input);
        input
    };
    for input in [
        simulation("*", &"a".repeat(2049)),
        long(simulation("*", "a"), |input| input.actions = vec!["s".repeat(129)]),
        long(simulation("*", "a"), |input| input.resources = vec!["r".repeat(2049)]),
        long(simulation("*", "a"), |input| input.context[0].0 = "k".repeat(257)),
    ] {
        let outcome = world.iam.simulator().simulate(&account(), None, input).await;
        assert!(matches!(outcome, Err(Error::Validation { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_pattern_that_used_to_cost_its_product_is_decided() {
    let world = world().await;
    let mut input = simulation(&format!("*{}b", "a".repeat(9_900)), &"a".repeat(2048));
    input.actions = (0..1000).map(|n| format!("s3:List{n}")).collect();
    let decided = world.iam.simulator().simulate(&account(), None, input).await.unwrap();
    assert_eq!(decided.len(), 1000);
}

#[tokio::test]
async fn what_costs_too_much_altogether_is_refused() {
    let world = world().await;
    let mut input = simulation(&format!("*a?{}b*", "a".repeat(9_900)), &"a".repeat(2048));
    input.actions = (0..1000).map(|n| format!("s3:List{n}")).collect();
    let outcome = world.iam.simulator().simulate(&account(), None, input).await;
    assert!(matches!(outcome, Err(Error::InvalidInput { .. })), "{outcome:?}");
}
