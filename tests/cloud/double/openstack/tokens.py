"""Keystone's tokens: who, for which project, until when."""
import base64
import secrets
import time
import uuid

LIFE = 86400


class Token:
    def __init__(self, user, project, methods, expires, roles=None, credential=None):
        self.user, self.project, self.methods, self.expires = user, project, methods, expires
        self.roles, self.credential = roles, credential
        self.issued = time.time()
        self.audit = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        raw = base64.urlsafe_b64encode(b"\x80" + int(self.issued).to_bytes(8, "big") + secrets.token_bytes(120))
        self.id = raw.decode().rstrip("=")

    def role_names(self):
        return self.roles if self.roles is not None else self.user.roles


class Tokens:
    def __init__(self):
        self.life = LIFE
        self.known = {}
        self.revoked = set()
        self.made = 0

    def make(self, world, user, project, methods, roles=None, credential=None, expires=None):
        token = Token(user, project, methods, expires or world.now() + self.life, roles, credential)
        self.known[token.id] = token
        self.made += 1
        return token

    def find(self, world, text):
        """The token, or None: unknown, revoked, past its end, or its user is gone."""
        token = self.known.get(text or "")
        if token is None or text in self.revoked or world.now() >= token.expires:
            return None
        if token.user is not None and token.user.deleted:
            return None
        return token

    def revoke_all(self):
        self.revoked.update(self.known)
