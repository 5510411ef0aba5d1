/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge SCHEMA: which documents does the schema accept? Reads documents from stdin, each after a
 * line with its size in bytes; writes a line per document: "valid", or "invalid" and the first
 * complaint, or "malformed". One process for thousands of documents: the schema is compiled once.
 * Exit 0 all judged, 2 no usable schema or input.
 * Environment: XML_CATALOG_FILES.
 */
#include "config.h"

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX (1l << 20)
#define COMPLAINT_MAX 300

static void
first_complaint(void *arg, const char *format, ...)
{
	char *complaint = arg;
	va_list list;

	if (complaint[0] != '\0')
		return;
	va_start(list, format);
	vsnprintf(complaint, COMPLAINT_MAX, format, list);
	va_end(list);
	complaint[strcspn(complaint, "\r\n")] = '\0';
}

static xmlSchemaPtr
compile(const char *path)
{
	xmlSchemaParserCtxtPtr parser = xmlSchemaNewParserCtxt(path);
	xmlSchemaPtr schema;

	if (parser == NULL)
		return NULL;
	schema = xmlSchemaParse(parser);
	xmlSchemaFreeParserCtxt(parser);
	return schema;
}

static void
judge(xmlSchemaPtr schema, const char *bytes, int size)
{
	const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
	xmlDocPtr doc = xmlReadMemory(bytes, size, NULL, NULL, options);
	char complaint[COMPLAINT_MAX] = "";
	xmlSchemaValidCtxtPtr valid;

	if (doc == NULL) {
		puts("malformed");
		return;
	}
	valid = xmlSchemaNewValidCtxt(schema);
	if (valid == NULL)
		abort();
	xmlSchemaSetValidErrors(valid, first_complaint, NULL, complaint);
	if (xmlSchemaValidateDoc(valid, doc) == 0)
		puts("valid");
	else
		printf("invalid %s\n", complaint);
	xmlSchemaFreeValidCtxt(valid);
	xmlFreeDoc(doc);
}

/* False when the input is not what the head of this file says. */
static bool
judge_all(xmlSchemaPtr schema, FILE *in)
{
	char *bytes = malloc(DOCUMENT_MAX);
	char line[32], *end;
	bool good = bytes != NULL;

	while (good && fgets(line, sizeof(line), in) != NULL) {
		long size = strtol(line, &end, 10);

		good = *end == '\n' && size >= 0 && size <= DOCUMENT_MAX &&
		       fread(bytes, 1, (size_t)size, in) == (size_t)size;
		if (good)
			judge(schema, bytes, (int)size);
	}
	free(bytes);
	return good && !ferror(in);
}

int
main(int argc, char **argv)
{
	xmlSchemaPtr schema = NULL;
	bool good;

	xmlSetExternalEntityLoader(xmlNoNetExternalEntityLoader);
	if (argc == 2)
		schema = compile(argv[1]);
	if (schema == NULL) {
		fprintf(stderr, "usage: %s SCHEMA <documents\n", argv[0]);
		return 2;
	}
	good = judge_all(schema, stdin);
	xmlSchemaFree(schema);
	xmlCleanupParser();
	return good ? 0 : 2;
}
