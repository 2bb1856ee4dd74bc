"""A real OpenID Connect provider: django-oauth-toolkit, which demands PKCE, with users of its own.

    python idp.py FOLDER

prints its port, reads the client's redirect URI from its standard input, and prints `ready`. Its issuer is
http://localhost:PORT/o; the client is `arqueta-console`, its secret `console-secret`, and `ana` signs in with `ana-password`.
"""

import sys
import wsgiref.simple_server
from pathlib import Path

CLIENT, SECRET, USER, PASSWORD = "arqueta-console", "console-secret", "ana", "ana-password"
PAGE = """<!doctype html><title>Provider</title><form method="post">{% csrf_token %}{{ form }}<button type="submit">Sign in</button></form>"""


def main(folder):
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, None)
    port = server.server_port
    print(port, flush=True)
    redirect = sys.stdin.readline().strip()
    import django
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from django.conf import settings

    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    folder = Path(folder)
    (folder / "registration").mkdir(parents=True)
    (folder / "registration/login.html").write_text(PAGE)
    settings.configure(
        DEBUG=False, SECRET_KEY="of the tests", ALLOWED_HOSTS=["localhost"], ROOT_URLCONF=__name__, USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "idp.sqlite"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "oauth2_provider"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                    "django.contrib.auth.middleware.AuthenticationMiddleware"],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [folder]}],
        LOGIN_URL="/login",
        OAUTH2_PROVIDER={"OIDC_ENABLED": True, "OIDC_RSA_PRIVATE_KEY": private, "PKCE_REQUIRED": True,
                         "SCOPES": {"openid": "who you are", "profile": "your name", "email": "your address"},
                         "OIDC_ISS_ENDPOINT": f"http://localhost:{port}/o", "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"],
                         "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Named"})
    django.setup()

    from django.contrib.auth.models import User
    from django.contrib.auth.views import LoginView
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.urls import include, path
    from oauth2_provider.models import Application
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Named(OAuth2Validator):
        """Tokens name their person."""

        def get_additional_claims(self, request):
            return {"preferred_username": request.user.username}

    globals()["Named"] = Named
    globals()["urlpatterns"] = [path("login", LoginView.as_view()), path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
    call_command("migrate", verbosity=0)
    User.objects.create_user(USER, password=PASSWORD)
    Application.objects.create(client_id=CLIENT, client_secret=SECRET, client_type="confidential", authorization_grant_type="authorization-code",
                               redirect_uris=redirect, skip_authorization=True, algorithm="RS256", name="console")
    server.set_app(get_wsgi_application())
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    # Django imports what the settings name by this module's name.
    sys.modules["idp"] = sys.modules["__main__"]
    __name__ = "idp"
    main(*sys.argv[1:])
