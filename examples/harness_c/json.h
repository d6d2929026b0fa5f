// JSON without a tree: find a value in the text, then read it there. This is enough for the messages of the suite and
// the headers of safetensors files. Other input ends the program with an error message.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

const char *json_member(const char *object, const char *key);   // the value of a member, NULL where there is none
const char *json_item(const char *array, size_t index);         // the value of an item, NULL past the end
bool json_is(const char *value, const char *text);              // is the value this string?
bool json_true(const char *value);
uint64_t json_count(const char *value);                         // an integer from 0 on
char *json_text(const char *value);                             // the string, to be freed

_Noreturn void fail(const char *reason, const char *what);      // the suite quotes standard error
void *need(size_t count, size_t size);                          // zeroed memory; ends the program if there is none
