use arqueta_kms::testing::{OTHER_ACCOUNT, Subject, contract};

use super::*;

#[tokio::test]
async fn the_embedded_service_keeps_the_contract() {
    let world = World::new().await;
    let (key, other, disabled) = (world.key().await, world.key().await, world.key().await);
    world.disable(&disabled).await;
    for stranger in
        [root(OTHER_ACCOUNT), power_user(OTHER_ACCOUNT, "eve"), arqueta_kms::testing::user(ACCOUNT, "bob", &[])]
    {
        let (key, other, disabled) = (key.clone(), other.clone(), disabled.clone());
        for caller in [root(ACCOUNT), power_user(ACCOUNT, "alice")] {
            let (key, other, disabled, stranger) = (key.clone(), other.clone(), disabled.clone(), stranger.clone());
            contract(&Subject { kms: &world.kms, caller, stranger, key, other, disabled }).await;
        }
    }
}
