"""OpenAPI 3.1, made from the routes and from the types that decode and encode."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import msgspec
from msgspec import inspect as types

from clawft.runtime import Ask
from clawft.web.form import HEADERS, Form
from clawft.web.problems import Problem

_REFERENCE = "#/components/schemas/{name}"
_INSIDE = ("item_type", "value_type")
_ERRORS = {
    "400": "The request is wrong; the message names the field.",
    "401": "No valid token.",
    "403": "Not for this caller.",
    "404": "What was named does not exist.",
    "409": "Not in the present state.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "429": "Too much at once; see Retry-After.",
    "503": "Not now; see Retry-After.",
    "504": "No answer in time; the work was stopped.",
    "507": "There is no room left to store it.",
}


def document(forms: Iterable[Form], version: str) -> dict[str, Any]:
    """The whole description of the API."""
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for form in forms:
        route = form.route
        paths.setdefault(form.template, {})[route.method.lower()] = _operation(form, schemas)
    _add_documents(paths)
    problem = schemas.of(Problem)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "clawft", "version": version, "description": "A self-hosted agent host."},
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "responses": {"Problem": {"description": "It did not work.", "content": _json(problem)}},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }
    # As it is read, not as it is made: the defaults of our types are tuples and the like.
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(whole))
    return plain


class Schemas:
    """JSON Schemas of our types, and the components they refer to."""

    def __init__(self) -> None:
        self._components: dict[str, Any] = {}

    def of(self, kind: Any) -> dict[str, Any]:
        (schema,), components = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
        for struct in _structs(types.type_info(kind)):
            _mark_times(components[struct.cls.__name__], struct)
        self._components |= components
        return schema

    def components(self) -> dict[str, Any]:
        """Closed, as the forms are: a member nobody asked for is refused."""
        closed = {"additionalProperties": False}
        return {
            name: {**schema, **closed} if "properties" in schema else schema
            for name, schema in sorted(self._components.items())
        }


def _structs(*shapes: types.Type) -> Iterator[types.StructType]:
    """Every struct that values of these shapes are made of."""
    waiting, seen = list(shapes), set()
    while waiting:
        shape = waiting.pop()
        if isinstance(shape, types.StructType) and shape.cls not in seen:
            seen.add(shape.cls)
            yield shape
            waiting += [field.type for field in shape.fields]
        waiting += [inner for name in _INSIDE for inner in [getattr(shape, name, None)] if inner is not None]
        waiting += getattr(shape, "types", ())


def _mark_times(schema: dict[str, Any], struct: types.StructType) -> None:
    """Say which texts are times: msgspec does where a zone is demanded, and ours are UTC unasked."""
    for field in struct.fields:
        shapes = getattr(field.type, "types", (field.type,))
        if any(isinstance(shape, types.DateTimeType) for shape in shapes):
            schema["properties"][field.encode_name].setdefault("format", "date-time")


def answer_type(kind: type[Ask[Any]]) -> Any:
    """What a message is answered with."""
    for base in getattr(kind, "__orig_bases__", ()):
        if arguments := get_args(base):
            return arguments[0]
    raise TypeError(f"{kind.__name__} does not say what it is answered with")


def _operation(form: Form, schemas: Schemas) -> dict[str, Any]:
    route = form.route
    answer = {"description": "Done.", "content": _json(schemas.of(answer_type(route.message)))}
    operation: dict[str, Any] = {
        "operationId": route.message.__name__,
        "summary": _summary(route.message),
        "tags": [route.actor],
        "responses": {"200": answer, **_errors(form)},
        "security": [] if route.scope == "open" else [{"bearer": []}],
    }
    if form.takes_caller and route.scope == "open":
        operation["security"] = [{}, {"bearer": []}]
    parameters = [
        *_path_parameters(form, schemas),
        *_query_parameters(form, schemas),
        *_header_parameters(form, schemas),
    ]
    if parameters:
        operation["parameters"] = parameters
    if form.takes_body:
        operation["requestBody"] = _body(form, schemas)
    if route.scope not in ("open", "any"):
        operation["x-scope"] = route.scope
    return operation


def _errors(form: Form) -> dict[str, Any]:
    codes = set(_ERRORS)
    if form.route.scope == "open" and not form.takes_caller:
        codes.discard("401")
    if not form.takes_body:
        codes -= {"507"}
    refer = {"$ref": "#/components/responses/Problem"}
    return {**dict.fromkeys(sorted(codes), refer), "default": refer}


def _path_parameters(form: Form, schemas: Schemas) -> list[dict[str, Any]]:
    parameters = []
    for name in form.route.names:
        schema = schemas.of(form.types[name])
        if schema.get("type") == "string":
            schema.setdefault("minLength", 1)
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    return parameters


def _query_parameters(form: Form, schemas: Schemas) -> list[dict[str, Any]]:
    return [
        {
            "name": field.encode_name,
            "in": "query",
            "required": field.required,
            "schema": _present(schemas.of(form.types[field.name])),
        }
        for field in form.query_fields
    ]


def _header_parameters(form: Form, schemas: Schemas) -> list[dict[str, Any]]:
    return [
        {
            "name": HEADERS[field.name],
            "in": "header",
            "required": False,
            "schema": schemas.of(form.types[field.name]),
        }
        for field in form.header_fields
    ]


def _body(form: Form, schemas: Schemas) -> dict[str, Any]:
    if form.route.body:
        return {"required": True, "content": _json(schemas.of(form.types[form.route.body]))}
    properties = {field.encode_name: schemas.of(form.types[field.name]) for field in form.body_fields}
    required = [field.encode_name for field in form.body_fields if field.required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {**{name: {} for name in form.route.ignores}, **properties},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return {"required": bool(required), "content": _json(schema)}


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """Without null: a query either has the parameter or has it not."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _add_documents(paths: dict[str, dict[str, Any]]) -> None:
    """What is answered by no single actor."""
    refer = {"default": {"$ref": "#/components/responses/Problem"}}
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    number = {"type": "string", "pattern": "^[0-9]{1,18}$"}
    last = {"name": "Last-Event-ID", "in": "header", "required": False, "schema": number}
    events: dict[str, Any] = {"text/event-stream": {}}
    paths["/api/sessions/{key}/stream"] = {
        "get": _get("SessionStream", "Messages of a session as server-sent events.", events, refer)
        | {"parameters": [key, last]}
    }
    paths["/api/openapi.json"] = {
        "get": _get("OpenApi", "This document.", _json({"type": "object"}), refer),
    }
    text = {"text/plain": {"schema": {"type": "string"}}}
    paths["/metrics"] = {"get": _get("Metrics", "Figures for Prometheus.", text, refer)}


def _get(name: str, summary: str, content: dict[str, Any], errors: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "Done.", "content": content}, **errors},
        "security": [{"bearer": []}],
    }


def _summary(kind: type) -> str:
    return (inspect.getdoc(kind) or kind.__name__).split("\n\n")[0].replace("\n", " ")


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
