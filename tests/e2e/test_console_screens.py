"""Every screen of the console: readable by everyone, in both themes, from phone to wide screen, and leading somewhere."""

import datetime

import pytest
from accounts import allow, document
from axe_playwright_python.sync_playwright import Axe
from browsing import Visitor, asked, browser, cookies, guest, house, raised, root, s3, shots  # noqa: F401


class Furnished:
    """Something to see on every screen."""

    def __init__(self, house, s3):
        kms, iam = house.client("kms"), house.client("iam")
        self.bucket = "a-furnished-bucket"
        self.key = kms.create_key(Description="of the payroll")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/payroll", TargetKeyId=self.key)
        kms.enable_key_rotation(KeyId=self.key)
        self.signer = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        self.user = "ana"
        arn = iam.create_user(UserName=self.user)["User"]["Arn"]
        iam.create_access_key(UserName=self.user)
        iam.attach_user_policy(UserName=self.user, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
        kms.create_grant(KeyId=self.key, GranteePrincipal=arn, Operations=["Decrypt"])
        iam.create_group(GroupName="auditors")
        iam.add_user_to_group(GroupName="auditors", UserName=self.user)
        iam.create_role(RoleName="readers", AssumeRolePolicyDocument=document({"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}))
        iam.create_policy(PolicyName="own", PolicyDocument=document(allow("s3:GetObject")))
        iam.create_open_id_connect_provider(Url="https://id.example.com", ClientIDList=["console"])
        self.own = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        kms.tag_resource(KeyId=self.key, Tags=[{"TagKey": "owner", "TagValue": "team a"}])
        self.locked = "a-locked-bucket"
        s3.create_bucket(Bucket=self.locked, ObjectLockEnabledForBucket=True)
        s3.put_object(Bucket=self.locked, Key="kept", Body=b"x", ObjectLockMode="GOVERNANCE",
                      ObjectLockRetainUntilDate=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2))
        trail = "a-bucket-of-trails"
        s3.create_bucket(Bucket=trail)
        s3.put_bucket_policy(Bucket=trail, Policy=document(
            allow("s3:*", [f"arn:aws:s3:::{trail}", f"arn:aws:s3:::{trail}/*"], Principal={"Service": "cloudtrail.amazonaws.com"})))
        house.client("cloudtrail").create_trail(Name="everything", S3BucketName=trail)
        s3.create_bucket(Bucket=self.bucket)
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        for n in range(3):
            s3.put_object(Bucket=self.bucket, Key="docs/read me.txt", Body=f"line {n}\n".encode() * 20,
                          ContentType="text/plain", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/payroll",
                          BucketKeyEnabled=True, Tagging="team=blue", Metadata={"by": "ana"})
        for n in range(12):
            s3.put_object(Bucket=self.bucket, Key=f"photo-{n:02}.jpg", Body=b"x" * 1000 * (n + 1) ** 3)

    def pages(self):
        """Every screen, by the name of its picture."""
        bucket = self.bucket
        return {
            "overview": "", "buckets": "buckets", "bucket-new": "buckets/new", "objects": f"buckets/{bucket}/objects",
            "versions": f"buckets/{bucket}/objects?versions=1", "object": f"buckets/{bucket}/object?key=docs%2Fread+me.txt",
            "properties": f"buckets/{bucket}/properties", "keys": "keys", "key-new": "keys/new", "key": f"keys/{self.key}",
            "key-signing": f"keys/{self.signer}", "record": "record", "identities-raise": "identities", "settings": "settings",
            "nowhere": "nowhere", "role": "role", "key-try": f"keys/{self.key}/try", "key-import": f"keys/{self.own}/import",
            "key-own": f"keys/{self.own}", "stores": "keys/stores", "locked": f"buckets/{self.locked}/object?key=kept",
            "trails": "record/trails", "report": "record/report", "attention": "attention", "verify": "record/verify", "state": "settings/state",
        }

    def identities(self):
        """Those that want the secret again."""
        return {
            "identities": "identities", "user": f"identities/users/{self.user}", "group": "identities/groups/auditors",
            "role-page": "identities/roles/readers", "inline": "identities/users/ana/inline",
            "policy": "identities/policy?arn=arn%3Aaws%3Aiam%3A%3A000000000000%3Apolicy%2Fown", "simulate": f"simulate?bucket={self.bucket}",
        }


@pytest.fixture(scope="module")
def furnished(house, s3):
    return Furnished(house, s3)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_screen_is_accessible_and_fits(browser, house, furnished, shots, theme):  # noqa: F811
    visitor = Visitor(browser, house, color_scheme=theme, viewport={"width": 1280, "height": 900})
    axe, faults, page = Axe(), [], visitor.page

    def look(name):
        for width in [390, 1280]:
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=str(shots / f"{name}-{theme}-{width}.png"), full_page=True)
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                faults.append((name, "scrolls sideways", width))
        # What rules say depends on the width little, and on the colours much.
        page.set_viewport_size({"width": 1280 if theme == "light" else 390, "height": 900})
        found = axe.run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
        for violation in found.response["violations"]:
            where = [node["target"] for node in violation["nodes"]]
            faults.append((name, violation["id"], violation["help"], where))
        if page.locator("h1").count() != 1:
            faults.append((name, "has not one heading"))

    def unfold_and_look(name, path):
        visitor.at(path)
        page.evaluate("document.querySelectorAll('main details').forEach((d) => { d.open = !d.matches('.popup, .events li ~ li > details'); })")
        look(name)

    visitor.at("sign-in")
    look("sign-in")
    visitor.sign_in()
    for name, path in furnished.pages().items():
        unfold_and_look(name, path)
    raised(visitor)
    for name, path in furnished.identities().items():
        unfold_and_look(name, path)
    visitor.close()
    assert faults == []


def test_the_first_page_is_small_and_no_link_is_dead(root, house, furnished):
    page, sizes = root.page, []
    page.on("response", lambda answer: sizes.append(len(answer.body())) if answer.status == 200 else None)
    root.at("")
    page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes) < 100 * 1024
    found, seen = {"./"}, set()
    raised(root)
    for path in [*furnished.pages().values(), *furnished.identities().values()]:
        if path != "nowhere":
            root.at(path)
            found |= set(page.locator("a[href]").evaluate_all("links => links.map((link) => link.href)"))
    for address in found:
        address = address.split("#")[0]
        if address.startswith(house.url) and address not in seen and "download" not in address:
            seen.add(address)
            path = address.removeprefix(house.url)
            status = asked(house, "GET", path, {"cookie": cookies(root)})[0]
            assert status in (200, 303), address
    assert len(seen) > 10
