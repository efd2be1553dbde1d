from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook

success, message = COSInventoryHook(cos_conn_id="cos_default").test_connection()
print(success, message)
