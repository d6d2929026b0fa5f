#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *reason, const char *what) {
    fprintf(stderr, "%s: %.80s\n", reason, what ? what : "nothing");
    exit(1);
}

void *need(size_t count, size_t size) {
    void *memory = calloc(count + 1, size);  // one more, because a batch may be empty
    if (!memory) fail("out of memory", "");
    return memory;
}

static const char *blank(const char *at) { return at + strspn(at, " \t\r\n"); }

static const char *skip_string(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1]) at++;
    return *at ? at + 1 : at;
}

// The end of the value that starts at this position.
static const char *skip(const char *at) {
    int depth = 0;
    do {
        at = blank(at);
        if (*at == '"') at = skip_string(at);
        else if (*at == '{' || *at == '[') depth++, at++;
        else if (*at == '}' || *at == ']') depth--, at++;
        else if (depth) at++;  // a letter, comma or colon inside
        else at += strcspn(at, ",}] \t\r\n");
    } while (depth && *at);
    return at;
}

const char *json_member(const char *object, const char *key) {
    if (!object || *(object = blank(object)) != '{') fail("an object was expected, not", object);
    for (const char *at = blank(object + 1); *at == '"'; at = blank(at + 1)) {
        const char *value = blank(skip_string(at));
        if (*value != ':') fail("a colon was expected, not", value);
        value = blank(value + 1);
        if (json_is(at, key)) return value;
        at = blank(skip(value));
        if (*at != ',') break;
    }
    return NULL;
}

const char *json_item(const char *array, size_t index) {
    if (!array || *(array = blank(array)) != '[') fail("a list was expected, not", array);
    const char *at = blank(array + 1);
    for (; *at && *at != ']'; index--) {
        if (!index) return at;
        at = blank(skip(at));
        if (*at == ',') at = blank(at + 1);
    }
    return NULL;
}

bool json_is(const char *value, const char *text) {
    size_t length = strlen(text);
    return value && *value == '"' && !strncmp(value + 1, text, length) && value[1 + length] == '"';
}

bool json_true(const char *value) { return value && !strncmp(value, "true", 4); }

uint64_t json_count(const char *value) {
    if (!value || *value < '0' || *value > '9') fail("a count was expected, not", value);
    return strtoull(value, NULL, 10);
}

char *json_text(const char *value) {
    if (!value || *value != '"') fail("a string was expected, not", value);
    char *text = need(strlen(value), 1), *to = text;
    for (value++; *value && *value != '"'; value++) {
        if (*value == '\\' && *++value != '"' && *value != '\\' && *value != '/') fail("an unknown escape", value);
        *to++ = *value;
    }
    return text;
}
