//! Decisions made again from the archive: the same bytes, and every tampering found.

use sqlx::SqlitePool;
use std::process::Output;
use testkit::Program;

/// A finished demo in the program's folder, and its database.
async fn demo(program: &Program) -> (String, SqlitePool) {
    let folder = program.folder().join("data");
    let arguments =
        ["demo", "--applications", "400", "--exit", "--listen", "127.0.0.1:0", "--data-dir", folder.to_str().unwrap()];
    let output = program.run(&arguments, b"").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let url = format!("sqlite://{}", folder.join("dunkelwerk.db").display());
    let pool = SqlitePool::connect(&url).await.unwrap();
    (url, pool)
}

fn replay(url: &str) -> (Option<i32>, String) {
    let program = Program::new("").unwrap().with("DATABASE_URL", url);
    let Output { status, stdout, .. } = program.run(&["cases", "replay"], b"").unwrap();
    (status.code(), String::from_utf8(stdout).unwrap())
}

#[tokio::test]
async fn stored_decisions_are_met_again_and_tampering_is_reported() {
    let program = Program::new("").unwrap();
    let (url, pool) = demo(&program).await;
    let (status, text) = replay(&url);
    let decisions: i64 = sqlx::query_scalar("select count(*) from decisions").fetch_one(&pool).await.unwrap();
    assert_eq!((status, text.trim()), (Some(0), format!("{decisions} decisions replayed, 0 differences").as_str()));
    assert!(decisions > 300, "{text}");

    // The same applications under the same rules end the same.
    let rules = crate::repository::root().join("rules");
    let arguments = ["rules", "simulate", "--stored", "--new", rules.to_str().unwrap(), "--at", "2026-11-22"];
    let simulated = Program::new("").unwrap().with("DATABASE_URL", &url).run(&arguments, b"").unwrap();
    let said = String::from_utf8(simulated.stdout).unwrap();
    assert!(said.starts_with(&format!("{decisions} Anträge, 0 mit anderem Ergebnis")), "{said}");

    // One byte of one stored decision.
    let change = "update decisions set decision = replace(cast(decision as text), '\"decision_no\":1', '\"decision_no\":2') \
                  where application_id = (select min(application_id) from decisions)";
    assert_eq!(sqlx::query(change).execute(&pool).await.unwrap().rows_affected(), 1);
    let (status, text) = replay(&url);
    assert_eq!(status, Some(1));
    assert!(
        text.contains("the stored decision is not what the archived rules decide") && text.contains(" 1 differences"),
        "{text}"
    );

    // One byte of one archived file: every decision of its rule sets is reported.
    let file = "select hash from archives where cast(body as text) like '%entscheide()%' order by hash limit 1";
    let hash: String = sqlx::query_scalar(file).fetch_one(&pool).await.unwrap();
    let change = "update archives set body = cast(replace(cast(body as text), 'fn ', 'fN ') as blob) where hash = ?";
    sqlx::query(change).bind(&hash).execute(&pool).await.unwrap();
    let (status, text) = replay(&url);
    assert_eq!(status, Some(1));
    assert!(text.contains("was changed in the archive"), "{text}");

    // And a file that is gone.
    sqlx::query("delete from archives where hash = ?").bind(&hash).execute(&pool).await.unwrap();
    let (status, text) = replay(&url);
    assert!(status == Some(1) && text.contains("is not in the archive"), "{text}");
}

#[test]
fn a_pack_decides_like_its_folder_and_a_changed_one_is_refused() {
    let program = Program::new("").unwrap();
    let pack = program.folder().join("rules.pack");
    let path = pack.to_str().unwrap();
    let run = |arguments: &[&str], input: &str| {
        let output = program.run(arguments, input.as_bytes()).unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code(), said)
    };
    // What opens automatic decisions is released by two persons, or was in force before.
    let (status, said) = run(&["rules", "pack", path, "--approved-by", "A", "--approved-by", "A"], "");
    assert!(status == Some(2) && said.contains("§ 46 Abs. 5 StVO") && said.contains("two persons"), "{said}");
    let pack_it = || run(&["rules", "pack", path, "--approved-by", "A", "--approved-by", "B"], "");
    assert_eq!(pack_it().0, Some(0));
    let first = std::fs::read(&pack).unwrap();
    assert_eq!(pack_it().0, Some(0));
    let next = program.folder().join("next.pack");
    let arguments = ["rules", "pack", next.to_str().unwrap(), "--previous", path];
    assert_eq!(run(&arguments, "").0, Some(0), "nothing opens that was not open");
    assert_eq!(std::fs::read(&pack).unwrap(), first, "the same rules give the same bytes");
    let application = testkit::applications::parking("p").to_string();
    let decide = |more: &[&str]| {
        let arguments: Vec<&str> = ["decide", "--at", "2026-11-22", "-"].iter().chain(more).copied().collect();
        run(&arguments, &application)
    };
    assert_eq!(decide(&["--rules", path]), decide(&[]));
    let text = String::from_utf8(first).unwrap();
    std::fs::write(&pack, text.replacen("110.00", "111.00", 1)).unwrap();
    let (status, said) = decide(&["--rules", path]);
    assert!(status == Some(3) && said.contains("no intact pack"), "{said}");
}
