"""Errors as OVH words them: the older generation from the gate, the newer from what is behind it."""


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__(body.get("message"))
        self.status, self.body = status, body


REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 409: "Conflict", 429: "Too Many Requests"}


def gate(status, code, message):
    """What refuses a call before it is looked at: signature, key, rights."""
    return ApiError(status, {"errorCode": code, "httpCode": f"{status} {REASONS[status]}",
                             "message": message})


def bad(message):
    return ApiError(400, {"class": "Client::BadRequest", "message": message})


def not_found(message):
    return ApiError(404, {"class": "Client::NotFound", "message": message})


def conflict(message):
    return ApiError(409, {"class": "Client::Conflict", "message": message})


def denied_by_iam(actions):
    return ApiError(403, {"class": "Client::Forbidden",
                          "message": "User not granted for this request",
                          "details": {"unauthorizedActionsByIAM": ",".join(actions)}})


def no_such_url():
    return ApiError(404, {"class": "Client::NotFound",
                          "message": "Got an invalid (or empty) URL"})
