//! KMS and Secrets Manager.

use super::World;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;

#[tokio::test(flavor = "multi_thread")]
async fn data_key_opens_only_with_its_context_and_after_a_restart() {
    let world = World::start().await;
    let kms = aws_sdk_kms::Client::new(&world.sdk());
    let generate = kms.generate_data_key().key_id("alias/vault").key_spec(DataKeySpec::Aes256);
    let made = generate.encryption_context("tenant", "a").encryption_context("record", "1").send().await.unwrap();
    assert_eq!(made.plaintext().unwrap().as_ref().len(), 32);
    let world = world.restart(|_| {}).await;
    let kms = aws_sdk_kms::Client::new(&world.sdk());
    let sealed = made.ciphertext_blob().unwrap().clone();
    let decrypt = || kms.decrypt().ciphertext_blob(sealed.clone());
    let opened = decrypt().encryption_context("record", "1").encryption_context("tenant", "a").send().await.unwrap();
    assert_eq!(opened.plaintext(), made.plaintext());
    assert_eq!(opened.key_id(), made.key_id());
    for wrong in [decrypt(), decrypt().encryption_context("tenant", "b").encryption_context("record", "1")] {
        let error = wrong.send().await.unwrap_err().into_service_error();
        assert!(error.is_invalid_ciphertext_exception(), "{error:?}");
    }
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_ciphertext_and_unknown_key_are_refused() {
    let world = World::start().await;
    let kms = aws_sdk_kms::Client::new(&world.sdk());
    let sealed = kms.encrypt().key_id("vault").plaintext(Blob::new("text")).send().await.unwrap();
    let mut bytes = sealed.ciphertext_blob().unwrap().as_ref().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let error = kms.decrypt().ciphertext_blob(Blob::new(bytes)).send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_ciphertext_exception(), "{error:?}");
    let error = kms.decrypt().ciphertext_blob(Blob::new("no ciphertext")).send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_ciphertext_exception(), "{error:?}");
    let error = kms.describe_key().key_id("other").send().await.unwrap_err().into_service_error();
    assert!(error.is_not_found_exception(), "{error:?}");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_secret_value_leaves_the_last_as_previous() {
    let world = World::start().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&world.sdk());
    secrets.put_secret_value().secret_id("webhook").secret_string("second").send().await.unwrap();
    let world = world.restart(|config| config.secrets = vec![("webhook".to_owned(), "from the template".to_owned())]).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&world.sdk());
    let current = secrets.get_secret_value().secret_id("webhook").send().await.unwrap();
    assert_eq!((current.secret_string(), current.version_stages()), (Some("second"), &["AWSCURRENT".to_owned()][..]));
    let previous = secrets.get_secret_value().secret_id(current.arn().unwrap()).version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(previous.secret_string(), Some("first"));
    let partial = current.arn().and_then(|arn| arn.rsplit_once('-')).unwrap().0;
    let found = secrets.get_secret_value().secret_id(partial).send().await.unwrap();
    assert_eq!(found.secret_string(), Some("second"), "an ARN names its secret without the suffix too");
    secrets.put_secret_value().secret_id("webhook").secret_string("third").send().await.unwrap();
    let described = secrets.describe_secret().secret_id("webhook").send().await.unwrap();
    assert_eq!(described.version_ids_to_stages().unwrap().len(), 2, "the version before the previous one is gone");
    let error = secrets.get_secret_value().secret_id("none").send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception(), "{error:?}");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_is_created_once() {
    let world = World::start().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&world.sdk());
    secrets.create_secret().name("model").secret_string("key").send().await.unwrap();
    let error = secrets.create_secret().name("model").secret_string("other").send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_exists_exception(), "{error:?}");
    let repeated = || secrets.put_secret_value().secret_id("model").client_request_token("0123456789012345678901234567890123");
    let first = repeated().secret_string("new").send().await.unwrap();
    let again = repeated().secret_string("new").send().await.unwrap();
    assert_eq!(first.version_id(), again.version_id());
    let error = repeated().secret_string("another").send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_exists_exception(), "{error:?}");
    world.aws.shutdown().await;
}
