/* A PKCS #11 module that stands before another one and fails as it is told. In the folder that FAULTY_MODULE names, a file C_Sign
 * holds the code, in hexadecimal, that C_Sign returns from now on; C_Sign.once the one that it returns once; while there is a
 * C_Sign.block it does not return; in C_Sign.calls there is a byte for each call. token_flags are flags that every token has. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "pkcs11go.h"

static CK_FUNCTION_LIST list;
static CK_FUNCTION_LIST_PTR real;

static const char *path_of(char *room, const char *name, const char *what)
{
	snprintf(room, 4096, "%s/%s%s", getenv("FAULTY_MODULE"), name, what);
	return room;
}

static unsigned long number_in(const char *path)
{
	unsigned long number = 0;
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%lx", &number) != 1)
		number = 0;
	fclose(f);
	return number;
}

static CK_RV fault(const char *name)
{
	char path[4096];
	FILE *calls = fopen(path_of(path, name, ".calls"), "a");
	if (calls != NULL) {
		fputc('.', calls);
		fclose(calls);
	}
	while (access(path_of(path, name, ".block"), F_OK) == 0)
		usleep(2000);
	unsigned long code = number_in(path_of(path, name, ".once"));
	if (code != 0 && unlink(path) == 0)
		return code;
	return number_in(path_of(path, name, ""));
}

#define BEFORE(name, parameters, arguments) \
	static CK_RV name##_ parameters \
	{ \
		CK_RV code = fault(#name); \
		return code != 0 ? code : real->name arguments; \
	}

BEFORE(C_Initialize, (CK_VOID_PTR a), (a))
BEFORE(C_OpenSession, (CK_SLOT_ID a, CK_FLAGS b, CK_VOID_PTR c, CK_NOTIFY d, CK_SESSION_HANDLE_PTR e), (a, b, c, d, e))
BEFORE(C_Login, (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_UTF8CHAR_PTR c, CK_ULONG d), (a, b, c, d))
BEFORE(C_FindObjectsInit, (CK_SESSION_HANDLE a, CK_ATTRIBUTE_PTR b, CK_ULONG c), (a, b, c))
BEFORE(C_EncryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
BEFORE(C_DecryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
BEFORE(C_SignInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
BEFORE(C_Sign, (CK_SESSION_HANDLE a, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e), (a, b, c, d, e))
BEFORE(C_GenerateKeyPair, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_ATTRIBUTE_PTR c, CK_ULONG d, CK_ATTRIBUTE_PTR e, CK_ULONG f,
	CK_OBJECT_HANDLE_PTR g, CK_OBJECT_HANDLE_PTR h), (a, b, c, d, e, f, g, h))

static CK_RV C_GetTokenInfo_(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	char path[4096];
	CK_RV code = fault("C_GetTokenInfo");
	if (code == 0)
		code = real->C_GetTokenInfo(slot, info);
	if (code == 0)
		info->flags |= number_in(path_of(path, "token_flags", ""));
	return code;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
	void *module = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = module == NULL ? NULL : (CK_C_GetFunctionList) dlsym(module, "C_GetFunctionList");
	if (get == NULL || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	list = *real;
	list.C_GetFunctionList = C_GetFunctionList;
	list.C_Initialize = C_Initialize_;
	list.C_OpenSession = C_OpenSession_;
	list.C_Login = C_Login_;
	list.C_FindObjectsInit = C_FindObjectsInit_;
	list.C_EncryptInit = C_EncryptInit_;
	list.C_DecryptInit = C_DecryptInit_;
	list.C_SignInit = C_SignInit_;
	list.C_Sign = C_Sign_;
	list.C_GenerateKeyPair = C_GenerateKeyPair_;
	list.C_GetTokenInfo = C_GetTokenInfo_;
	*out = &list;
	return CKR_OK;
}
