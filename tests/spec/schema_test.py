"""docs/spec.schema.json accepts and refuses the cases that the parser's tests use (schema_test.cpp)."""
import json
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: no Python package jsonschema (Debian: python3-jsonschema)")
    sys.exit(77)

schema_path, cases_path = sys.argv[1:]
with open(schema_path) as file:
    schema = json.load(file)
with open(cases_path) as file:
    cases = json.load(file)

jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)

REQUIRED = {"op": "conv_transpose1d", "in_channels": 4, "out_channels": 6, "kernel_size": 3}
failures = 0
for kind, accepted in (("both", True), ("schema_only", True), ("neither", False)):
    for fields in cases[kind]:
        spec = {**REQUIRED, **fields}
        spec = {name: value for name, value in spec.items() if value is not None or name not in REQUIRED}
        if validator.is_valid(spec) != accepted:
            print(f"{'refused' if accepted else 'accepted'}, listed under {kind}: {json.dumps(spec)}")
            failures += 1
sys.exit(failures != 0)
