/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of documents share: a document, read and bound. */
#ifndef UNIT_BIND_HELP_H
#define UNIT_BIND_HELP_H

#include "codec_help.h"

#include "model/bind.h"

#define HEAD " xmlns:m2m=\"" NS_M2M "\" xmlns:xmime=\"" NS_XMIME "\""

static const struct codec_limits wide = { .depth = 32, .nodes = 2000, .attributes = 20, .text = 10000 };

static struct binder binder;

static inline struct node *
parsed(const struct codec *c, struct slice text)
{
	struct node *root;
	const char *why;
	enum rc rc = decode(c, text, &wide, &root, &why);

	ck_assert_msg(rc == RC_OK, "%.*s: %s", (int)text.n, text.p, why);
	return root;
}

static inline enum rc
bound(unsigned type, enum bind_column column, const struct codec *c, struct slice text,
      struct val **vals)
{
	binder = (struct binder){ .arena = arena, .ordered = binder.ordered, .name = SLICE_LIT("own") };
	*vals = NULL;
	return bind_resource(&binder, rtype_get(type), column, parsed(c, text), vals);
}

/* A document of each kind. */
#define SOME_PERMISSION                                                                            \
	"<m2m:permission m2m:id=\"p\"><m2m:permissionFlags><m2m:flag>READ</m2m:flag>"              \
	"<m2m:flag>CREATE</m2m:flag></m2m:permissionFlags><m2m:permissionHolders>"                 \
	"<m2m:holderRefs><m2m:holderRef>http://h/a</m2m:holderRef></m2m:holderRefs>"               \
	"<m2m:applicationIDs><m2m:applicationID>a b</m2m:applicationID></m2m:applicationIDs>"      \
	"<m2m:all/></m2m:permissionHolders></m2m:permission>"

static const struct {
	unsigned type;
	const char *xml;
} samples[] = {
	{ T_SCL,
	  "<m2m:scl" HEAD " sclId=\"gw\"><m2m:pocs><reference>http://g/</reference><reference>http://k/"
	  "</reference></m2m:pocs><m2m:link>http://g/m2m</m2m:link><m2m:schedule><m2m:scheduleString "
	  "id=\"n\">0 2 * * *</m2m:scheduleString></m2m:schedule><m2m:expirationTime>2014-03-01T09:00:"
	  "00.125Z</m2m:expirationTime><m2m:searchStrings><m2m:searchString>a</m2m:searchString><m2m:"
	  "searchString>&lt;b&gt;</m2m:searchString></m2m:searchStrings><m2m:mgmtProtocolType>OMA_DM"
	  "</m2m:mgmtProtocolType><m2m:integrityValResults><ivalResults>9223372036854775807</ivalResults>"
	  "<signedIvalResult>-5</signedIvalResult><secureTimeStamp>2014-03-01T09:00:00Z</secureTimeStamp>"
	  "</m2m:integrityValResults><m2m:sclType>GSCL</m2m:sclType></m2m:scl>" },
	{ T_APPLICATION,
	  "<m2m:application" HEAD " appId=\"lamps\"><m2m:announceTo><m2m:activated>true</m2m:activated>"
	  "<m2m:sclList><reference>http://n/m2m</reference></m2m:sclList><m2m:global>false</m2m:global>"
	  "</m2m:announceTo><m2m:aPoC>http://a:9/</m2m:aPoC><m2m:aPoCPaths><m2m:aPoCPath><m2m:path>lamp"
	  "</m2m:path><m2m:searchStrings><m2m:searchString>L</m2m:searchString></m2m:searchStrings>"
	  "</m2m:aPoCPath><m2m:aPoCPath><m2m:path>scene</m2m:path></m2m:aPoCPath></m2m:aPoCPaths>"
	  "</m2m:application>" },
	{ T_ACCESS_RIGHT,
	  "<m2m:accessRight" HEAD " m2m:id=\"home\"><m2m:permissions>" SOME_PERMISSION
	  "</m2m:permissions><m2m:selfPermissions>" SOME_PERMISSION SOME_PERMISSION
	  "</m2m:selfPermissions></m2m:accessRight>" },
	{ T_CONTAINER,
	  "<m2m:container" HEAD " m2m:id=\"t\"><m2m:accessRightID>/m2m/accessRights/h</m2m:accessRightID>"
	  "<m2m:searchStrings/><m2m:maxNrOfInstances>3</m2m:maxNrOfInstances><m2m:maxByteSize>0"
	  "</m2m:maxByteSize><m2m:maxInstanceAge>P1DT12H</m2m:maxInstanceAge></m2m:container>" },
	{ T_CONTENT_INSTANCE,
	  "<m2m:contentInstance" HEAD " m2m:id=\"r2\"><m2m:searchStrings><m2m:searchString>x</m2m:"
	  "searchString></m2m:searchStrings><m2m:content xmime:contentType=\"application/octet-stream\">"
	  "<m2m:binaryContent>AQIDBA==</m2m:binaryContent></m2m:content></m2m:contentInstance>" },
	{ T_CONTENT_INSTANCE,
	  "<m2m:contentInstance" HEAD "><m2m:delayTolerance>2014-03-01T09:00:00Z</m2m:delayTolerance>"
	  "<m2m:content xmime:contentType=\"text/plain\"><m2m:textContent> 21.5 &amp; \xc3\xa9\n"
	  "</m2m:textContent></m2m:content></m2m:contentInstance>" },
	{ T_SUBSCRIPTION,
	  "<m2m:subscription" HEAD " m2m:id=\"d\"><m2m:minimalTimeBetweenNotifications>5000</m2m:"
	  "minimalTimeBetweenNotifications><m2m:filterCriteria><ifNoneMatch>a</ifNoneMatch><ifNoneMatch>b"
	  "</ifNoneMatch><attributeAccessor/><sizeFrom>1</sizeFrom><metaDataOnly>true</metaDataOnly>"
	  "</m2m:filterCriteria><m2m:contact>http://d:9/n</m2m:contact><m2m:noRepresentation>true"
	  "</m2m:noRepresentation></m2m:subscription>" },
	{ T_M2M_POC,
	  "<m2m:m2mPoc" HEAD " m2m:id=\"p\"><m2m:contactInfo><m2m:contactURI>http://p/</m2m:contactURI>"
	  "</m2m:contactInfo><m2m:onlineStatus>ONLINE</m2m:onlineStatus></m2m:m2mPoc>" },
};

#endif
